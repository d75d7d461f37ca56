#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// \file
/// The heads of a web archive's records, as its bytes come.
namespace fanout::fetch {

/// One record: its own head, and how its block begins (up to 256 KiB), which of a response is the head of HTTP.
struct archive_head {
  std::string_view fields;  ///< lines of "Name: value", with their ends
  std::string_view block;
};

/// The value of a field in lines of "Name: value"; empty where there is none. Names in any case.
std::string_view field_in(std::string_view lines, std::string_view name);

/// Finds records in unpacked bytes, whatever pieces they come in. Payloads are passed over.
///
/// Thread safety: none.
class archive_heads {
 public:
  /// `found` is called for each record; what it gets is valid during the call.
  explicit archive_heads(std::function<void(const archive_head&)> found) : found_(std::move(found)) {}

  /// Throws `std::runtime_error` for bytes that are no archive.
  void feed(std::string_view bytes);

 private:
  bool take_record(std::string_view& left);

  const std::function<void(const archive_head&)> found_;
  std::string pending_;
  std::uint64_t passing_ = 0;  ///< bytes of a block that is known
};

}  // namespace fanout::fetch
