#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>
#include <fanout/http/response.hpp>

#include "http/message/charset.hpp"

#include <fmt/format.h>

#include <utility>

namespace fanout::http {

std::string_view response::charset() const noexcept {
  return charset_of(headers["content-type"]);
}

std::string response::text() const& {
  return to_utf8(body, charset());
}

std::string response::text() && {
  return to_utf8(std::move(body), charset());
}

void response::raise_for_status() const {
  if (ok()) return;
  failure what{failure_kind::status, fmt::format("{} answered with status {}{}{}", url.str(), status,
                                                 reason.empty() ? "" : " ", printable(reason))};
  what.elapsed = measured.total;
  what.attempts = measured.attempts;
  throw error(std::move(what));
}

}  // namespace fanout::http
