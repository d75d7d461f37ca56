#pragma once

#include <fanout/base/task.hpp>

#include "http/connect/transport.hpp"
#include "http/io/notifier.hpp"
#include "http/loop/request_timer.hpp"
#include "http/pool/session_pool.hpp"

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <memory>
#include <string>

/// \file
/// From a host to a socket.
namespace fanout::http {

class exchange_observer;
class loop_state;

/// What a connection is opened for, and whose deadlines apply meanwhile. All of it must outlive the opening.
struct connect_context {
  loop_state& loop;
  request_timer& timer;
  const url& target;  ///< of the request
  const route& via;
  pool_limits limits;
  bool only_new;  ///< one that others have used is no use
  reuse how = reuse::as_it_is;
  exchange_observer* observer = nullptr;  ///< null: nobody looks on

  /// "host:port" of the target, for messages.
  std::string peer() const;
  /// After each wait, with what became of it. Throws when a deadline has passed, too.
  void resumed(boost::system::error_code waited) const;
};

/// The host of `target` as `dial` takes it: an IPv6 address with the number of its zone. Throws a `fanout::error` of
/// kind `connect` when this machine has no network interface of the zone's name.
std::string host_to_dial(const url& target);

/// Looks `host` up and connects to whichever of its addresses answers first (RFC 8305). `wake` is
/// notified of deadlines, too. Throws a `fanout::error` of kind `dns`, `connect`, `timeout`, and
/// `refused_by_policy` when `checked` and no address is a public one.
task<std::unique_ptr<session>> dial(const connect_context& context, notifier& wake, std::string host,
                                    std::uint16_t port, bool checked);

/// Connects to the unix socket at `path`.
task<std::unique_ptr<session>> dial_unix(const connect_context& context, notifier& wake, std::string path);

/// The address of `host` that would be tried first, checked likewise.
task<asio::ip::address> first_address(const connect_context& context, notifier& wake, std::string host,
                                      std::uint16_t port, bool checked);

}  // namespace fanout::http
