#pragma once

#include <fanout/base/deadline.hpp>

#include "http/connect/local_side.hpp"
#include "http/dns/dns_cache.hpp"
#include "http/io/notifier.hpp"
#include "http/pool/connection.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// \file
/// Connections to several addresses of one host, of which one wins.
namespace fanout::http {

class exchange_observer;
class session_pool;

/// Notifies when it has passed.
struct notifying_deadline final : deadline_entry {
  explicit notifying_deadline(notifier& of) : wake(of) {}
  void on_deadline() override {
    passed = true;
    wake.notify();
  }
  notifier& wake;
  bool passed = false;
};

/// Happy Eyeballs (RFC 8305): addresses are tried in order, the next one when the last has failed or after 250 ms,
/// while those before it go on; the first connection that stands wins. It never waits itself: `wake` is notified of
/// whatever may change something, and then `step` looks. Destroying it closes all sockets but the winner's.
///
/// Thread safety: none.
class connection_race {
 public:
  static constexpr std::chrono::milliseconds attempt_delay{250};  ///< RFC 8305 section 8

  /// `reject_reason` says why an address may not be connected to, empty if it may. `pool` gives up idle connections
  /// when the process is out of descriptors.
  connection_race(poller& sockets, deadline_list& deadlines, session_pool& pool, std::uint16_t port,
                  std::function<std::string_view(const asio::ip::address&)> reject_reason, notifier& wake);
  connection_race(const connection_race&) = delete;
  connection_race& operator=(const connection_race&) = delete;
  ~connection_race();

  /// What the sockets are bound to; it must outlive the race.
  void leave_by(const local_side& from) noexcept { from_ = &from; }
  /// Null: nobody is told of attempts; it must outlive the race.
  void tell(exchange_observer* observer) noexcept { observer_ = observer; }
  /// The addresses to try, best first; those that were tried already stay tried. More may come while it runs.
  void try_in_order(const address_list& addresses);
  /// Goes on as far as it can. True once there is a winner.
  bool step();
  /// Whether all addresses given so far have failed.
  bool lost() const noexcept { return attempts_.empty() && next_.empty(); }
  /// Whether it lost because of `reject_reason` alone.
  bool refused_only() const noexcept { return !refused_.empty() && failures_.empty(); }
  polled_socket take_winner() { return std::move(*winner_); }
  const std::string& winner_address() const noexcept { return winner_address_; }
  /// What became of each address, for a message.
  std::string failures() const { return failures_.empty() ? refused_ : failures_; }

 private:
  struct attempt {
    polled_socket socket;
    asio::ip::address where;
  };

  void start_next();
  void win(attempt ended);
  void note_failure(const asio::ip::address& where, int error);

  poller& sockets_;
  deadline_list& deadlines_;
  session_pool& pool_;
  std::uint16_t port_;
  std::function<std::string_view(const asio::ip::address&)> reject_reason_;
  notifier& wake_;
  const local_side* from_ = nullptr;
  exchange_observer* observer_ = nullptr;
  notifying_deadline next_start_;
  address_list seen_;
  std::deque<asio::ip::address> next_;
  std::vector<attempt> attempts_;  ///< under way
  std::chrono::steady_clock::time_point last_start_{};
  std::optional<polled_socket> winner_;
  std::string winner_address_;
  std::string failures_;
  std::string refused_;
};

}  // namespace fanout::http
