#pragma once

#include <fanout/async/detail/coroutine_start.hpp>
#include <fanout/async/detail/observation.hpp>
#include <fanout/async/detail/parked_handler.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <exception>
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

/// Whether `failed` says that a task was cancelled, rather than that it failed.
bool is_cancellation(const std::exception_ptr& failed) noexcept;

/// The exception of a task that was cancelled, as Asio throws it.
std::exception_ptr cancellation();

/// One coroutine of a scope, from before its start until after its end.
class child : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  task_observation& observed() noexcept { return observed_; }

 private:
  friend class child_scope;

  cancellation_relay cancel_;
  task_observation observed_;
  bool begun_ = false;
  bool told_ = false;  ///< of its cancellation
};

class child_scope {
 public:
  child_scope(const child_scope&) = delete;
  child_scope& operator=(const child_scope&) = delete;

  bool cancelled() const noexcept { return cancelled_; }
  /// Cancels the children, and lets none begin from now on. They hear of it in a later turn of the loop, when none of
  /// them is in the middle of a step.
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

  /// Runs `work` as `self` up to where it first suspends, which may be its end. Its value goes to `place`; its end is
  /// told to `on_end`.
  template <class T>
  void spawn(child& self, task<T> work, std::optional<gathered_t<T>>& place, const spawn_site& site) {
    if (refuses(self)) return end_unbegun(self);
    begin(self, site, carry<T>(std::move(work), place, ticket(*this, &self)));
  }
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
  /// Awaits the child, and tells of its end. Nothing is awaited after that, so no cancellation can get in between.
  template <class T>
  static coroutine_entry carry(task<T> work, std::optional<gathered_t<T>>& place, ticket end);

  bool refuses(const child& self) const noexcept { return &self == body_ ? body_cancelled_ : cancelled_; }
  void end_unbegun(child& self);
  void begin(child& self, const spawn_site& site, coroutine_entry entry);
  void release(child* ended, const std::exception_ptr& failed);
  void abandon(child* holder) noexcept;
  void emit_soon();
  void emit();
  void hear_of_cancellation();

  asio::any_io_executor executor_;
  boost::intrusive::list<child, boost::intrusive::constant_time_size<false>> children_;
  child* body_ = nullptr;
  std::size_t tickets_ = 0;
  parked_handler<> parent_;
  bool cancelled_ = false;
  bool body_cancelled_ = false;
  bool emitting_ = false;
  bool parent_cancelled_ = false;
};

template <class T>
coroutine_entry child_scope::carry(task<T> work, std::optional<gathered_t<T>>& place, ticket end) {
  std::exception_ptr failed;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(work);
      place.emplace();
    } else {
      T value = co_await std::move(work);
      place.emplace(std::move(value));
    }
  } catch (...) {
    failed = std::current_exception();
  }
  end.release(failed);
}

}  // namespace fanout::detail
