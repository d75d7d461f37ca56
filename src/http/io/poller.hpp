#pragma once

#include <fanout/async/detail/parked_handler.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>

#include "http/io/turn_memory.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

/// \file
/// Which sockets of a loop are ready.
namespace fanout::http {

namespace asio = boost::asio;

class poller;
class notifier;

/// Reads and writes a socket itself, for all the coroutines that share it.
class socket_user {
 public:
  /// In a turn of the loop: after an event of the socket, or after `polled_socket::ask_turn`. It may destroy the
  /// socket.
  virtual void on_turn() noexcept = 0;

 protected:
  ~socket_user() = default;
};

/// What to wait for; `readable | writable` is whichever comes first.
enum : std::uint8_t { readable = 1, writable = 2 };

/// A non-blocking socket that its owner reads and writes by system calls, and that a poller watches. It is watched
/// edge-triggered (epoll(7)): the system reports once that it became ready. So a coroutine may only wait for a socket
/// that it has found empty (or full): by a call that returned EAGAIN, or by a read that did not fill its buffer. An
/// event that comes while nobody waits is remembered, and the end of the stream is remembered for good.
///
/// Thread safety: none; it belongs to the loop's thread. Destroying it closes the socket.
class polled_socket {
 public:
  polled_socket() = default;
  /// Takes over a socket that is connected, or has begun to connect. Throws `std::system_error`.
  polled_socket(poller& by, detail::owned_descriptor socket);
  polled_socket(polled_socket&&) noexcept = default;
  polled_socket& operator=(polled_socket&&) noexcept = default;

  int native_handle() const noexcept;
  /// What to await once: a tuple of a `boost::system::error_code`, which is `operation_aborted` after `cancel` and when
  /// the coroutine is cancelled. One coroutine at a time.
  auto wait(std::uint8_t what) {
    return asio::async_initiate<const decltype(no_throw)&, void(boost::system::error_code)>(
        [](auto handler, watched* socket, std::uint8_t wanted) { socket->begin(std::move(handler), wanted); }, no_throw,
        watched_.get(), what);
  }
  /// The same for who has the completion handler of such a wait already.
  template <class Handler>
  void begin_wait(Handler handler, std::uint8_t what) {
    watched_->begin(std::move(handler), what);
  }
  /// Ends the wait, if there is one.
  void cancel() noexcept;
  /// The rest is not read now: the next wait for it ends at once, after others had their turn.
  void leave_unread() noexcept { watched_->ready |= readable; }
  /// The same for what was not sent.
  void leave_unsent() noexcept { watched_->ready |= writable; }
  /// Notifies `whom` of every event; null: of none. It must outlive that.
  void notify(notifier* whom) noexcept;
  /// Every event is `by`'s, who asks `take_ready` for it; null: nobody's. It must outlive that. No coroutine waits for
  /// a socket that is used so, and it keeps no loop from ending.
  void use_by(socket_user* by) noexcept { watched_->user = by; }
  /// Its user has a turn behind all that is ready in the loop now.
  void ask_turn();
  /// Whether it became ready for `what` since this was asked last; true for ever after the end of the stream.
  bool take_ready(std::uint8_t what) noexcept;
  /// Whether an event has said that the peer closed its side, or that the connection broke.
  bool ended() const noexcept { return watched_->over != 0; }

 private:
  friend class poller;
  static constexpr auto no_throw = asio::as_tuple(asio::deferred);
  using link = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  using turn_link = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct watched : link {  ///< linked while a coroutine is parked
    watched(poller& by, detail::owned_descriptor socket) : owner(by), descriptor(std::move(socket)) {}
    watched(const watched&) = delete;
    watched& operator=(const watched&) = delete;
    ~watched();

    template <class Handler>
    void begin(Handler handler, std::uint8_t what) {
      executor = asio::get_associated_executor(handler);
      if (executor.target<asio::io_context::executor_type>()) executor = nullptr;
      auto slot = asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.assign([this](asio::cancellation_type) { cancel(); });
      parked.park(std::move(handler));
      wait(what);
    }
    void wait(std::uint8_t what);
    void tell(std::uint32_t events);
    void cancel() noexcept;

    poller& owner;
    detail::owned_descriptor descriptor;
    std::uint8_t ready = 0;   ///< by an event, and not waited for since
    std::uint8_t over = 0;    ///< the sides that are ready for good
    std::uint8_t wanted = 0;  ///< by the coroutine that is parked
    notifier* notified = nullptr;
    socket_user* user = nullptr;
    turn_link in_turns;              ///< while its user is to have a turn
    asio::any_io_executor executor;  ///< of that coroutine; empty when it is the loop's own
    detail::parked_handler<boost::system::error_code> parked;
    turn_memory memory;
  };

  std::unique_ptr<watched> watched_;
};

/// Where one coroutine is parked until somebody resumes it who reads for many of them. It keeps the loop running, as a
/// wait for a socket does.
///
/// Thread safety: none. Destroying it destroys the coroutine that is parked, if there is one.
class parked_wait
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  explicit parked_wait(poller& by) noexcept : owner_(by) {}
  parked_wait(const parked_wait&) = delete;
  parked_wait& operator=(const parked_wait&) = delete;
  ~parked_wait();

  template <class Handler>
  void begin(Handler handler) {
    executor_ = asio::get_associated_executor(handler);
    if (executor_.template target<asio::io_context::executor_type>()) executor_ = nullptr;
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.assign([this](asio::cancellation_type) { resume(asio::error::operation_aborted); });
    parked_.park(std::move(handler));
    begin_wait();
  }
  /// The coroutine goes on in a turn of the loop of its own. Nothing happens while none waits.
  void resume(boost::system::error_code with = {});

 private:
  friend class poller;
  void begin_wait();

  poller& owner_;
  asio::any_io_executor executor_;  ///< of that coroutine; empty when it is the loop's own
  detail::parked_handler<boost::system::error_code> parked_;
  turn_memory memory_;
};

/// Watches the sockets of one loop with an epoll instance of its own, which Asio watches in turn.
///
/// Asio can watch sockets itself, but not without a system call for each wait: either it asks the system anew
/// (epoll_ctl), or it tries to receive what cannot be there yet. With a small exchange over a connection that is open,
/// which costs one send and one recv, that would be a third call. Here it is three for each turn of the loop, however
/// many sockets are ready in it.
///
/// Thread safety: none.
class poller {
 public:
  /// Throws `std::system_error` when the system refuses.
  explicit poller(asio::io_context& loop);
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;
  ~poller();

  /// The loop ends: destroys the coroutines that wait.
  void shut_down() noexcept;

 private:
  friend class polled_socket;
  friend class parked_wait;
  friend struct polled_socket::watched;
  using watched = polled_socket::watched;
  using turn_list =
      boost::intrusive::list<watched,
                             boost::intrusive::member_hook<watched, polled_socket::turn_link, &watched::in_turns>,
                             boost::intrusive::constant_time_size<false>>;

  void add(watched& socket);
  void remove(watched& socket) noexcept;
  void begin_wait();
  void end_wait() noexcept;
  void park(watched& socket);
  void resume(watched& socket, boost::system::error_code with);
  void ask_turn(watched& socket);
  void give_turns() noexcept;
  void look();
  void tell_all();

  asio::io_context& loop_;
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> epoll_;
  boost::intrusive::list<watched, boost::intrusive::constant_time_size<false>> parked_;
  boost::intrusive::list<parked_wait, boost::intrusive::constant_time_size<false>> parked_waits_;
  turn_list turns_;
  std::size_t waits_ = 0;  ///< coroutines and whoever is notified
  bool looking_ = false;   ///< the loop waits for `epoll_`
  bool turn_posted_ = false;
  bool ended_ = false;
};

}  // namespace fanout::http
