#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Many URLs written as one, as in curl.
namespace fanout::fetch {

/// A URL with sets and ranges: each of a set (`{a,b,c}`), numbers (`[1-100]`, `[001-100]` with the zeros kept,
/// `[0-100:10]` in steps), letters (`[a-z]`, `[a-z:2]`). Several of them multiply, and the last one changes fastest. A
/// backslash takes the meaning from a bracket, a brace or a comma behind it; `[]` and addresses of IPv6 (`[::1]`) stand
/// for themselves.
///
/// ```cpp
/// fetch::url_glob pages("http://{a,b}.example/page[01-50].html");
/// pages.size();  // 100
/// pages[51];     // "http://b.example/page02.html"
/// ```
///
/// Nothing is made before it is asked for, so a range may have any size that 63 bits can count. Thread safety: as any
/// value.
class url_glob {
 public:
  /// Throws `std::invalid_argument` that names the position and what is accepted.
  explicit url_glob(std::string_view pattern);

  /// How many URLs; 1 where there is neither set nor range.
  std::uint64_t size() const noexcept { return size_; }
  /// `number` is less than `size()`.
  std::string operator[](std::uint64_t number) const;
  /// What the sets and ranges stand for in that URL, in order: curl's #1, #2, ...
  std::vector<std::string> values(std::uint64_t number) const;

 private:
  struct part {
    std::string text;                   ///< that stands for itself
    std::vector<std::string> elements;  ///< of a set
    std::uint64_t first = 0;            ///< of a range
    std::uint64_t step = 1;
    std::uint64_t count = 1;
    std::size_t digits = 0;  ///< at least so many; 0: letters
    bool varies = false;
  };

  class parser;
  static std::string value(const part& from, std::uint64_t which);

  std::vector<part> parts_;
  std::uint64_t size_ = 1;
};

}  // namespace fanout::fetch
