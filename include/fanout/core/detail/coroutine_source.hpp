#pragma once

#include <fanout/base/detail/task_declaration.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

/// \file
/// A coroutine that yields as the source of a run. Not for users: `run` is built from it.
namespace fanout {

template <class T>
class async_generator;

namespace detail {

/// The untyped half of `coroutine_puller`: a loop with a thread of its own on which the generator runs, and what the
/// lanes wait for.
///
/// Why a thread: a lane may be a blocking one, without a loop; lanes come and go; and the descriptor a lane would have
/// to wait for in place of the generator's loop is not one that Asio shows. So the generator has the same place under
/// every shape, its thread sleeps while it waits, and the calling thread's loop is the tasks' alone.
///
/// Thread safety: `ready` and `handle` are called by one thread at a time, as a source is.
class coroutine_loop {
 public:
  coroutine_loop();
  coroutine_loop(const coroutine_loop&) = delete;
  coroutine_loop& operator=(const coroutine_loop&) = delete;

  bool ready();
  /// Readable while there is something to take, or nothing more to come.
  int handle() const noexcept { return readable_; }

 protected:
  /// How far the generator may be ahead of the run.
  static constexpr std::size_t most_ahead = 32;

  /// Cannot stop the thread: what it uses is gone by then. So the derived class stops it in its own destructor.
  ~coroutine_loop();

  /// Pulls the generator until it ends. Runs on the loop.
  virtual task<void> pump() = 0;
  /// Destroys the generator. Called on the loop, before it goes.
  virtual void close() noexcept = 0;

  void start();
  /// Cancels the generator, waits for its end and destroys it.
  void stop() noexcept;

  /// For `pump`: says that something was added, with mutex_ held. Returns whether there is no room for more.
  bool added(std::size_t held);
  task<void> wait_for_room();
  /// For `next`, with mutex_ held: waits until there is something, or nothing more to come.
  void wait_ready(std::unique_lock<std::mutex>& lock);
  void taken(std::size_t left);  ///< for `next`: something was taken
  void rethrow_failure();

  std::mutex mutex_;  ///< guards what the thread and the lanes share

 private:
  struct event_loop;

  void ended(std::exception_ptr failed);
  void announce();

  int readable_ = -1;
  std::unique_ptr<event_loop> loop_;
  std::condition_variable changed_;
  std::size_t held_ = 0;
  bool parked_ = false;  ///< the generator waits for room
  bool ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  ///< started with the first question
};

/// The values of an `async_generator`, which it takes over, for lanes of any kind.
template <class T>
class coroutine_puller final : public coroutine_loop {
 public:
  using item = T;  ///< whoever has a generator has included async/async_generator.hpp

  explicit coroutine_puller(async_generator<T>&& generator) : generator_(std::move(generator)) {}
  ~coroutine_puller() { stop(); }

  bool ready() {
    start();
    return coroutine_loop::ready();
  }

  std::optional<T> next() {
    start();
    std::optional<T> value;
    {
      std::unique_lock lock(mutex_);
      wait_ready(lock);
      if (!values_.empty()) {
        value.emplace(std::move(values_.front()));
        values_.pop_front();
        taken(values_.size());
        return value;
      }
    }
    rethrow_failure();
    return value;
  }

 private:
  task<dependent<T, void>> pump() override {
    dependent<T, coroutine_puller>& ahead = *this;
    for (;;) {
      auto asked = generator_.next();
      std::optional<T> value = co_await std::move(asked);
      if (!value) co_return;
      if (!push(std::move(*value))) continue;
      auto room = ahead.wait_for_room();
      co_await std::move(room);
    }
  }

  bool push(T&& value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    return added(values_.size());
  }

  void close() noexcept override { generator_.close(); }

  async_generator<T> generator_;
  std::deque<T> values_;
};

}  // namespace detail

}  // namespace fanout
