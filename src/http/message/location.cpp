#include "http/message/location.hpp"

namespace fanout::http {

std::string_view redirect_place(const response& answer) noexcept {
  switch (answer.status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return answer.headers["location"];
    default:
      return {};
  }
}

}  // namespace fanout::http
