#pragma once

#include <fanout/http/client.hpp>

#include "http/tls_context.hpp"
#include "http/transport.hpp"

/// \file
namespace fanout::http {

/// What all copies of a client share; never changes.
struct client::core {
  explicit core(client_options given);

  client_options options;
  std::shared_ptr<const tls_context> tls;
  const http::transport& transport;
};

}  // namespace fanout::http
