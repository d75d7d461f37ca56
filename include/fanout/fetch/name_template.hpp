#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Names of files by a pattern.
namespace fanout::fetch {

/// What a name may be made of. Texts are kept by whoever calls.
struct name_parts {
  std::uint64_t index = 0;
  std::string_view url = {};
  std::string_view name = {};          ///< of the URL, or by the server; empty: there is none
  std::string_view content_type = {};  ///< of the response
  std::string_view sha256 = {};        ///< of the body
};

/// A pattern such as "{host}/{sha256:2}/{sha256}.{ext}". Fields: `{index}` (eight digits), `{host}`, `{name}`, `{ext}`
/// (that of the name, else what the content type says, else "bin"), `{sha256}`; `{FIELD:N}` is its first N characters.
/// Slashes separate folders. Each part of a path is made safe as `safe_file_name` does, so no name leads out of its
/// directory; where nothing is left of one it is `_`.
///
/// Thread safety: as any value.
class name_template {
 public:
  /// Throws `std::invalid_argument` that says what is wrong with it.
  explicit name_template(const std::string& pattern);

  std::string name_of(const name_parts& of) const;
  bool uses_headers() const noexcept { return uses_headers_; }
  bool uses_digest() const noexcept { return uses_digest_; }
  /// It has the whole digest, and nothing else that differs between two bodies of the same content but the extension.
  bool is_content() const noexcept { return is_content_; }

 private:
  enum class field { text, index, host, name, extension, sha256 };
  struct piece {
    field what = field::text;
    std::string text = {};
    std::size_t most = std::string::npos;  ///< characters of it
  };

  void add_field(std::string_view words, std::string_view pattern);

  std::vector<piece> pieces_;
  bool uses_headers_ = false;
  bool uses_digest_ = false;
  bool is_content_ = false;
};

}  // namespace fanout::fetch
