#pragma once

#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

#include <string_view>
#include <utility>

/// \file
/// Messages that are used again.
namespace fanout::http {

/// What a request is before anything is set, with the memory of its texts kept; but for `url`, which is to be assigned.
inline void make_blank(request& one) {
  if (std::string_view(one.method) != "GET") one.method = "GET";
  one.headers.clear();
  one.without.clear();
  one.body.clear();
  if (!one.body_from.empty()) one.body_from = {};
  one.expect_continue = false;
  one.keep_body = true;
  one.observer = nullptr;
}

/// Forgets the message that it was, with the memory of its texts kept for the next one. Its reason is to be assigned.
/// What belongs to the whole exchange, `url`, `history` and `measured`, stays.
inline void make_blank(response& one) noexcept {
  one.status = 0;
  one.version = http_version::v1_1;
  one.headers.clear();
  one.body.clear();
  one.body_cut = false;
  one.body_bytes = one.coded_bytes = 0;
  one.trailers.clear();
}

/// All but the body and the trailer, which go on in `one`, as does `measured`.
inline response take_head_of(response& one) {
  response head;
  head.status = one.status;
  head.version = one.version;
  head.reason = std::move(one.reason);
  head.headers = std::move(one.headers);
  head.measured = one.measured;
  return head;
}

}  // namespace fanout::http
