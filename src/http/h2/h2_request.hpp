#pragma once

#include <fanout/http/request.hpp>

#include "http/message/request_fields.hpp"

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// From a `request` to the fields of HTTP/2.
namespace fanout::http {

/// The header of one request: pseudo-header fields first, names in lower case, none that belong to a connection (RFC
/// 9113 section 8.2 and 8.3). Its capacity is used again for the next one.
///
/// Thread safety: none.
class h2_request {
 public:
  /// Throws a `fanout::error` of kind `invalid_request` when something in it must not be sent. The text of `user_agent`
  /// must stay as long as the fields are used.
  void prepare(const request& what, std::string_view user_agent, bool decodes, const body_announcement& body);
  /// Refers to this object, until the next `prepare`.
  std::span<const nghttp2_nv> fields() const noexcept { return fields_; }

 private:
  void add(std::string_view name, std::string_view value);
  void prepare_plain(const request& what, std::string_view user_agent, bool decodes, std::string_view host);

  struct extent {
    std::size_t name_size;
    std::size_t value_size;
    bool secret;
  };
  std::string text_;  ///< of all names and values
  std::vector<extent> extents_;
  std::vector<nghttp2_nv> fields_;
};

}  // namespace fanout::http
