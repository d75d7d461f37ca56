#pragma once

#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// Going on with a body that was cut.
namespace fanout::fetch::detail {

/// The validator of a response by which a part of it can be gone on with: a strong entity tag, or a date of
/// modification that is strong (RFC 9110 sections 13.1.5 and 8.8.2.2). Empty where it has neither.
std::string strong_validator(const http::response& head);

/// What is known of FILE.part: it is in FILE.part.json beside it, from the moment the part is begun until FILE is
/// whole,
///
///     {"url":"http://…","validator":"\"5f3-1a\"","bytes":1073741824}
///
/// where `bytes` is the size of the whole body, or null.
class kept_part {
 public:
  /// Looks at FILE.part, which `part` names. One without a record, or of another URL, is refused.
  static std::optional<kept_part> find(const std::string& part, const std::string& url, std::string& refused);
  /// Writes the record of a part of this response that is about to begin, or removes the one that is there where it
  /// cannot be gone on with. A record that cannot be written is no failure: the part will begin anew.
  static void remember(const std::string& part, const std::string& url, const http::response& head);
  static void forget(const std::string& part);

  /// Asks for the rest, and for everything where the part is out of date (RFC 9110 section 13.1.5).
  void ask_for_rest(http::request& into) const;

  enum class answer {
    rest_follows,  ///< the body is what comes behind the part
    whole,         ///< the part is all of it
    anew,          ///< the body is all of it, from the beginning
    unusable,      ///< it is not what was asked for: ask again, for everything
    no_answer,     ///< it is not the page: an error, a redirect
  };
  /// What the response to that is. `why` gets a sentence for `anew` and `unusable`.
  answer judge(const http::response& head, std::string& why) const;

  std::uint64_t size() const noexcept { return size_; }

 private:
  kept_part() = default;

  std::uint64_t size_ = 0;
  std::string validator_;
  std::optional<std::uint64_t> whole_size_;
};

}  // namespace fanout::fetch::detail
