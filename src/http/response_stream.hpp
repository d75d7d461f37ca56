#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response_stream.hpp>

#include "http/exchange.hpp"

#include <memory>
#include <utility>

/// \file
namespace fanout::http {

/// The exchange under way behind a stream, and what it refers to.
struct response_stream::state {
  state(std::shared_ptr<const client_options> of_client, exchange_lease with, request sent, response got)
      : options(std::move(of_client)), held(std::move(with)), what(std::move(sent)), head(std::move(got)) {
    (*held).moved(what);
    (*held).pause();
  }

  /// Waits until there is some of the body, or its end: false.
  task<bool> fill();
  std::string& body() noexcept { return (*held).body(); }

  std::shared_ptr<const client_options> options;  ///< which the exchange refers to
  exchange_lease held;
  request what;
  response head;
  std::size_t taken = 0;  ///< of what lies in `body`: who reads byte by byte must not move the rest each time
  bool ended = false;
};

}  // namespace fanout::http
