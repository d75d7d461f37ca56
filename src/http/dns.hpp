#pragma once

#include <fanout/base/deadline.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include <memory>
#include <string>
#include <vector>

/// \file
/// Host names to addresses, by c-ares on the event loop: no thread is ever started.
namespace fanout::http {

using address_list = std::vector<asio::ip::address>;
class resolver;

/// One exchange's wait for a look-up. Destroying it gives up: when nobody waits for any look-up the channel is
/// stopped, so that a name server that never answers keeps no loop running.
class lookup {
 public:
  lookup(resolver& names, const std::string& host);
  lookup(const lookup&) = delete;
  lookup& operator=(const lookup&) = delete;
  ~lookup();

  /// Suspends until the addresses are known or `stop` was called. Asio's cancellation ends it with an exception.
  task<void> wait();
  void stop();
  /// The addresses, in the order to try them. Throws a `fanout::error` of kind `dns`. Valid after `wait`.
  const address_list& addresses() const;

 private:
  friend class resolver;
  struct flight;
  using wake_timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                                                asio::io_context::executor_type>;
  resolver& names_;
  std::shared_ptr<flight> flight_;
  wake_timer wake_;
  bool stopped_ = false;
};

/// The name look-ups of one loop. Equal look-ups under way are one query; answers are kept for as long as their TTL
/// says. /etc/hosts and the settings of /etc/resolv.conf count. Addresses are never looked up.
/// Thread safety: none.
class resolver {
 public:
  resolver(asio::io_context& loop, deadline_list& deadlines);
  ~resolver();
  resolver(const resolver&) = delete;
  resolver& operator=(const resolver&) = delete;

  /// Asks these name servers, "address:port" separated by commas, instead of those of /etc/resolv.conf.
  /// Throws a `fanout::error` of kind `dns` when the list cannot be used.
  void use_servers(const std::string& servers);
  /// Ends all look-ups and closes every descriptor; nothing may be looked up afterwards.
  void shut_down() noexcept;

 private:
  friend class lookup;
  struct impl;
  impl& channel();

  asio::io_context& loop_;
  deadline_list& deadlines_;
  std::unique_ptr<impl> impl_;  ///< made by the first look-up of a name
};

}  // namespace fanout::http
