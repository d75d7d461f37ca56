#pragma once

#include <fanout/async/observation.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

/// \file
/// Coroutines that run inside another one: the untyped foundation of `gather`, `race_to_finish`, `task_group`,
/// `timeout` and their like. Not for users.
///
/// A scope lives in the frame of the coroutine that awaits it, the parent. It owes three things to everybody: the
/// parent goes on only after every child has ended; a cancellation of the parent reaches every child; a loop that is
/// destroyed in the middle leaves nothing behind.
///
/// Thread safety: none; all on the parent's executor, which must not run two handlers at the same time.
namespace fanout::detail {

template <class T>
using gathered_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// What resumes a suspended coroutine. It owns the coroutine until then.
using resumption = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

/// Whether `failed` says that a task was cancelled, rather than that it failed.
bool is_cancellation(const std::exception_ptr& failed) noexcept;

/// The exception of a task that was cancelled, as Asio throws it.
std::exception_ptr cancellation();

/// One coroutine of a scope, from before its start until after its end.
class child : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  asio::cancellation_slot slot() { return signal_.slot(); }
  task_observation& observed() noexcept { return observed_; }

 private:
  friend class child_scope;
  /// Asio loses a coroutine that is cancelled before it has begun (co_spawn_entry_point waits outside its `try`).
  enum class stage : unsigned char { waiting, begun, cancelled };

  asio::cancellation_signal signal_;
  task_observation observed_;
  stage stage_ = stage::waiting;
};

class child_scope {
 public:
  child_scope(const child_scope&) = delete;
  child_scope& operator=(const child_scope&) = delete;

  bool cancelled() const noexcept { return cancelled_; }
  /// Cancels the children, and lets none begin from now on. They hear of it in a later turn of the loop, when none of
  /// them is in the middle of a step: one that was cancelled by its own hand and ended without having suspended would
  /// be lost by Asio, too.
  void cancel();
  /// Cancels the body too, where there is one.
  void cancel_all();

  /// Starts the children and returns after the last one has ended.
  task<void> run();

 protected:
  /// Held by whatever the parent must wait for. Dropping it unreleased says that it never ends: its loop is gone.
  class ticket {
   public:
    ticket(child_scope& scope, child* holder) noexcept : scope_(&scope), holder_(holder) { ++scope.tickets_; }
    ticket(ticket&& other) noexcept : scope_(std::exchange(other.scope_, nullptr)), holder_(other.holder_) {}
    ticket& operator=(ticket&&) = delete;
    ~ticket() {
      if (scope_) scope_->abandon(holder_);
    }
    void release(const std::exception_ptr& failed) { std::exchange(scope_, nullptr)->release(holder_, failed); }

   private:
    child_scope* scope_;
    child* holder_;
  };

  explicit child_scope(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ~child_scope() = default;

  /// Spawns `work` as `self`. Its value goes to `place`; its end is told to `on_end`.
  template <class T>
  void spawn(child& self, task<T> work, std::optional<gathered_t<T>>& place, const spawn_site& site);
  /// The same for the body, the one child that `cancel` spares.
  template <class T>
  void spawn_body(child& self, task<T> work, std::optional<gathered_t<T>>& place, const spawn_site& site) {
    body_ = &self;
    spawn<T>(self, std::move(work), place, site);
  }

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  bool parent_cancelled() const noexcept { return parent_cancelled_; }

  /// Spawns the first children; called by `run`.
  virtual void start() = 0;
  /// The end of a child; the scope does not touch it afterwards. It may spawn others.
  virtual void on_end(child& ended, const std::exception_ptr& failed) = 0;
  /// A child's coroutine, or with null the scope's own turn, was destroyed in the middle.
  virtual void on_abandoned(child*) noexcept {}
  /// The parent was cancelled.
  virtual void on_parent_cancelled() { cancel_all(); }

  /// One more, or one less, that the parent must wait for. `drop` leaves it to another to resume the parent.
  void hold() noexcept { ++tickets_; }
  void drop() noexcept { --tickets_; }
  void let_go();

 private:
  template <class T>
  class beginning;
  template <class Value>
  class ending;

  template <class T>
  void launch(const asio::any_io_executor& on, child& self, task<T> work, std::optional<gathered_t<T>>& place);
  /// Throws when `self` must not begin any more.
  void begin(child& self);
  void release(child* ended, const std::exception_ptr& failed);
  void abandon(child* holder) noexcept;
  void emit_soon();
  void emit();
  void hear_of_cancellation();

  asio::any_io_executor executor_;
  boost::intrusive::list<child, boost::intrusive::constant_time_size<false>> children_;
  child* body_ = nullptr;
  std::size_t tickets_ = 0;
  std::optional<resumption> resume_;
  bool cancelled_ = false;
  bool body_cancelled_ = false;
  bool emitting_ = false;
  bool parent_cancelled_ = false;
};

/// What `co_spawn` calls when the child's turn has come.
template <class T>
class child_scope::beginning {
 public:
  beginning(child_scope& scope, child& self, task<T> work) : scope_(scope), self_(self), work_(std::move(work)) {}
  task<T> operator()() {
    scope_.begin(self_);
    return std::move(work_);
  }

 private:
  child_scope& scope_;
  child& self_;
  task<T> work_;
};

/// What `co_spawn` calls when the child has ended. Without a place, the value has found its own way.
template <class Value>
class child_scope::ending {
 public:
  ending(child_scope& scope, child& self, std::optional<Value>* place) : ticket_(scope, &self), place_(place) {}
  void operator()(std::exception_ptr failed) {
    if constexpr (std::is_same_v<Value, std::monostate>)
      if (!failed && place_) place_->emplace();
    ticket_.release(failed);
  }
  void operator()(std::exception_ptr failed, Value value) {
    if (!failed) place_->emplace(std::move(value));
    ticket_.release(failed);
  }

 private:
  ticket ticket_;
  std::optional<Value>* place_;
};

/// `co_spawn` wants a value even where there is none; a type without a default one is taken to its place by this.
template <class T>
task<void> deliver(task<T> work, std::optional<T>& place) {
  T value = co_await std::move(work);
  place.emplace(std::move(value));
}

template <class T>
void child_scope::spawn(child& self, task<T> work, std::optional<gathered_t<T>>& place, const spawn_site& site) {
  if (self.observed_.begin(site, executor_))
    launch(self.observed_.watch(executor_), self, std::move(work), place);
  else
    launch(executor_, self, std::move(work), place);
}

template <class T>
void child_scope::launch(const asio::any_io_executor& on, child& self, task<T> work,
                         std::optional<gathered_t<T>>& place) {
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(on, beginning<T>(*this, self, std::move(work)),
                   asio::bind_cancellation_slot(self.slot(), ending<std::monostate>(*this, self, &place)));
  } else if constexpr (std::is_default_constructible_v<T>) {
    asio::co_spawn(on, beginning<T>(*this, self, std::move(work)),
                   asio::bind_cancellation_slot(self.slot(), ending<T>(*this, self, &place)));
  } else {
    asio::co_spawn(on, beginning<void>(*this, self, deliver<T>(std::move(work), place)),
                   asio::bind_cancellation_slot(self.slot(), ending<std::monostate>(*this, self, nullptr)));
  }
}

}  // namespace fanout::detail
