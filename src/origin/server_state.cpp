#include "origin/server_state.hpp"

#include <fanout/base/failure.hpp>

#include <utility>

namespace fanout::origin {
namespace {

identity choose_identity(const options& with) {
  if (!with.tls) return {};
  if (with.certificate_file.empty() != with.key_file.empty())
    throw error(failure_kind::tls, "a certificate file needs a key file, and the reverse");
  return with.certificate_file.empty() ? make_self_signed_identity()
                                       : load_identity(with.certificate_file, with.key_file);
}

}  // namespace

server_state::server_state(asio::io_context& on, options with)
    : loop(on), settings(std::move(with)), tls(choose_identity(settings)) {
  if (settings.tls && settings.http_2) offer_http_2(tls);
}

}  // namespace fanout::origin
