#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <type_traits>
#include <utility>

/// \file
/// Executors that look on. Not for users.
namespace fanout::detail {

/// Hears when a coroutine goes on and when it leaves the thread; may be nested.
class turn_listener {
 public:
  virtual void resumed() noexcept = 0;
  virtual void suspended() noexcept = 0;

 protected:
  ~turn_listener() = default;
};

/// Runs everything on another executor, and tells a listener when. A coroutine that was spawned on one is heard of
/// whenever it holds the thread: what it awaits resumes it through its own executor.
///
/// Thread safety: as the listener. It must outlive what runs, but not what is destroyed with the loop.
class instrumented_executor {
 public:
  instrumented_executor(asio::any_io_executor inner, turn_listener& listener) noexcept
      : inner_(std::move(inner)), listener_(&listener) {}

  const asio::any_io_executor& inner() const noexcept { return inner_; }

  template <class F>
  void execute(F&& f) const {
    inner_.execute([listener = listener_, f = std::decay_t<F>(std::forward<F>(f))]() mutable {
      const turn heard(*listener);
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
    return {asio::require(inner_, property), *listener_};
  }
  template <class Property>
    requires asio::can_prefer_v<const asio::any_io_executor&, Property>
  instrumented_executor prefer(const Property& property) const {
    return {asio::prefer(inner_, property), *listener_};
  }

  bool operator==(const instrumented_executor&) const noexcept = default;

 private:
  class turn {
   public:
    explicit turn(turn_listener& listener) : listener_(listener) { listener_.resumed(); }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() { listener_.suspended(); }

   private:
    turn_listener& listener_;
  };

  asio::any_io_executor inner_;
  turn_listener* listener_;
};

/// What `executor` stands on, where it is one that only looks on: a `instrumented_executor`, or that of a task that is
/// watched while debugging is on. Null for any other.
const asio::any_io_executor* watched_by(const asio::any_io_executor& executor) noexcept;

}  // namespace fanout::detail
