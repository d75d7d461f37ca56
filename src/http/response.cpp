#include <fanout/base/failure.hpp>
#include <fanout/http/response.hpp>

#include "http/text.hpp"

#include <fmt/format.h>

namespace fanout::http {

void response::raise_for_status() const {
  if (ok()) return;
  failure what{failure_kind::status, fmt::format("{} answered with status {}{}{}", url.str(), status,
                                                 reason.empty() ? "" : " ", printable(reason))};
  what.elapsed = measured.total;
  what.attempts = measured.attempts;
  throw error(std::move(what));
}

}  // namespace fanout::http
