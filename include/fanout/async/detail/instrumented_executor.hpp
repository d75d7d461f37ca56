#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <type_traits>
#include <utility>

/// \file
/// An executor that says when its handlers run. Not for users.
namespace fanout::detail {

/// Runs everything on another executor, each handler in a turn of a watch: `watch.enter()` is called before the handler
/// runs, and what it returns is destroyed after that. A coroutine that was spawned on such an executor is seen whenever
/// it holds the thread, since whatever it awaits resumes it through its own executor.
///
/// `Watch` is copied for each handler, and compares equal to its copies. A handler that is destroyed without being run
/// has no turn.
///
/// Thread safety: as the watch.
template <class Watch>
class instrumented_executor {
 public:
  instrumented_executor(asio::any_io_executor inner, Watch watch) noexcept
      : inner_(std::move(inner)), watch_(std::move(watch)) {}

  const asio::any_io_executor& inner() const noexcept { return inner_; }
  const Watch& watch() const noexcept { return watch_; }

  template <class F>
  void execute(F&& f) const {
    inner_.execute([watch = watch_, f = std::decay_t<F>(std::forward<F>(f))]() mutable {
      [[maybe_unused]] const auto turn = std::move(watch).enter();
      std::move(f)();
    });
  }

  template <class Property>
    requires asio::can_query_v<const asio::any_io_executor&, Property>
  decltype(auto) query(const Property& property) const {
    return asio::query(inner_, property);
  }
  template <class Property>
    requires asio::can_require_v<const asio::any_io_executor&, Property>
  instrumented_executor require(const Property& property) const {
    return {asio::require(inner_, property), watch_};
  }
  template <class Property>
    requires asio::can_prefer_v<const asio::any_io_executor&, Property>
  instrumented_executor prefer(const Property& property) const {
    return {asio::prefer(inner_, property), watch_};
  }

  bool operator==(const instrumented_executor&) const noexcept = default;

 private:
  asio::any_io_executor inner_;
  Watch watch_;
};

/// Is called when a coroutine goes on and when it leaves the thread; calls may nest. It must outlive what runs, but not
/// what is destroyed with the loop.
class turn_listener {
 public:
  virtual void resumed() noexcept = 0;
  virtual void suspended() noexcept = 0;

 protected:
  ~turn_listener() = default;
};

/// Calls a listener around each turn.
class listener_watch {
 public:
  explicit listener_watch(turn_listener& listener) noexcept : listener_(&listener) {}

  class turn {
   public:
    explicit turn(turn_listener& listener) noexcept : listener_(listener) { listener_.resumed(); }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() { listener_.suspended(); }

   private:
    turn_listener& listener_;
  };
  turn enter() const noexcept { return turn(*listener_); }

  bool operator==(const listener_watch&) const noexcept = default;

 private:
  turn_listener* listener_;
};

using listened_executor = instrumented_executor<listener_watch>;

}  // namespace fanout::detail
