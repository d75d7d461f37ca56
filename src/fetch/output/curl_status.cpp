#include <fanout/fetch/curl_status.hpp>

namespace fanout::fetch {

int curl_exit_status(const record& result, bool fail) {
  if (!result.error) return 0;
  const auto tells_of = [&](std::string_view word) { return result.message.str().find(word) != std::string::npos; };
  switch (*result.error) {
    case failure_kind::status:
      return fail ? 22 : 0;
    case failure_kind::invalid_request:
      return tells_of("only http and https are") ? 1 : 3;
    case failure_kind::dns:
      return 6;
    case failure_kind::connect:
      return tells_of("proxy") && !tells_of("no connection to") ? 97 : 7;
    case failure_kind::tls:
      return tells_of("certificate") ? 60 : 35;
    case failure_kind::timeout:
      return 28;
    case failure_kind::too_large:
      return 63;
    case failure_kind::refused_by_policy:
      return tells_of("more than") || tells_of("in circles") ? 47 : 1;  // 1: a scheme that is not allowed
    case failure_kind::digest_mismatch:
    case failure_kind::opted_out:
      return 1;
    case failure_kind::protocol:
      return result.status != 0 ? 18 : 56;
    case failure_kind::cancelled:
      return 42;
    case failure_kind::task_failed:
      return 23;
    default:
      return 2;
  }
}

}  // namespace fanout::fetch
