#include <fanout/async/detail/running_loop.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/detail/coroutine_source.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace fanout::detail {

struct coroutine_loop::event_loop {
  asio::io_context context{1};
  asio::steady_timer room{context, asio::steady_timer::time_point::max()};
  asio::cancellation_signal stop;
};

coroutine_loop::coroutine_loop()
    : readable_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), loop_(std::make_unique<event_loop>()) {
  if (readable_ < 0) throw std::system_error(errno, std::generic_category(), "cannot start a source");
}

coroutine_loop::~coroutine_loop() {
  ::close(readable_);
}

void coroutine_loop::start() {
  if (thread_.joinable()) return;
  // Posted, so that it starts on the loop at once: a coroutine that is cancelled before it starts makes Asio throw out
  // of loop_.run().
  asio::post(loop_->context, [this] {
    asio::co_spawn(loop_->context, pump(),
                   asio::bind_cancellation_slot(loop_->stop.slot(), [this](std::exception_ptr failed) {
                     close();
                     ended(failed);
                   }));
  });
  thread_ = std::thread([this] {
    const running_loop here;
    loop_->context.run();
  });
}

void coroutine_loop::stop() noexcept {
  if (!thread_.joinable()) return close();
  asio::post(loop_->context, [this] { loop_->stop.emit(asio::cancellation_type::terminal); });
  thread_.join();
}

bool coroutine_loop::added(std::size_t held) {
  held_ = held;
  if (held == 1) announce();
  parked_ = held >= most_ahead;
  return parked_;
}

// `taken` posts to this loop, so what it posts runs after the wait has begun.
task<void> coroutine_loop::wait_for_room() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!parked_) break;
    }
    boost::system::error_code woken;
    auto wait = loop_->room.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_await std::move(wait);
  }
}

// Half of the room has to be free first: the thread is woken once for many values.
void coroutine_loop::taken(std::size_t left) {
  held_ = left;
  if (!parked_ || left > most_ahead / 2) return;
  parked_ = false;
  asio::post(loop_->context, [this] { loop_->room.cancel(); });
}

bool coroutine_loop::ready() {
  const std::lock_guard lock(mutex_);
  if (held_ > 0 || ended_) return true;
  std::uint64_t announced = 0;
  [[maybe_unused]] const auto got = read(readable_, &announced, sizeof announced);
  return false;
}

void coroutine_loop::wait_ready(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this] { return held_ > 0 || ended_; });
}

void coroutine_loop::ended(std::exception_ptr failed) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(failed);
  ended_ = true;
  announce();
}

/// With mutex_ held.
void coroutine_loop::announce() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(readable_, &one, sizeof one);  // fails only when it is readable already
  changed_.notify_all();
}

void coroutine_loop::rethrow_failure() {
  std::exception_ptr failed;
  {
    const std::lock_guard lock(mutex_);
    failed = std::exchange(failure_, nullptr);
  }
  if (failed) std::rethrow_exception(failed);
}

}  // namespace fanout::detail
