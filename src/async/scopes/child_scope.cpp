#include <fanout/async/detail/child_scope.hpp>
#include <fanout/base/failure.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

namespace fanout::detail {

bool is_cancellation(const std::exception_ptr& failed) noexcept {
  if (!failed) return false;
  try {
    std::rethrow_exception(failed);
  } catch (const boost::system::system_error& thrown) {
    return thrown.code() == asio::error::operation_aborted;
  } catch (const error& thrown) {
    return thrown.kind() == failure_kind::cancelled;
  } catch (...) {
    return false;
  }
}

std::exception_ptr cancellation() {
  return std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
}

void child_scope::end_unbegun(child& self) {
  hold();
  release(&self, cancellation());
}

void child_scope::begin(child& self, const spawn_site& site, coroutine_entry entry) {
  self.begun_ = true;
  if (&self != body_) children_.push_back(self);
  if (!self.observed_.begin(site, executor_)) return start_coroutine(std::move(entry), executor_, self.cancel_);
  const running_mark running = self.observed_.mark();
  start_coroutine(std::move(entry), self.observed_.watch(executor_), self.cancel_);
}

void child_scope::cancel() {
  if (std::exchange(cancelled_, true)) return;
  emit_soon();
}

void child_scope::cancel_all() {
  if (cancelled_ && (!body_ || body_cancelled_)) return;
  cancelled_ = true;
  body_cancelled_ = body_ != nullptr;
  emit_soon();
}

void child_scope::emit_soon() {
  if (tickets_ == 0 || std::exchange(emitting_, true)) return;
  asio::post(executor_, [this, turn = ticket(*this, nullptr)]() mutable {
    emit();
    turn.release(nullptr);
  });
}

// A child may end while its cancellation is emitted, and so leave the list: each is moved to another list before that.
void child_scope::emit() {
  emitting_ = false;
  decltype(children_) told;
  while (!children_.empty()) {
    child& next = children_.front();
    children_.pop_front();
    told.push_back(next);
    if (!std::exchange(next.told_, true)) next.cancel_.emit(asio::cancellation_type::terminal);
  }
  children_.swap(told);
  if (body_ && body_cancelled_ && body_->begun_ && !std::exchange(body_->told_, true))
    body_->cancel_.emit(asio::cancellation_type::terminal);
}

void child_scope::release(child* ended, const std::exception_ptr& failed) {
  if (ended) {
    if (ended->is_linked()) ended->unlink();
    if (ended == body_) body_ = nullptr;
    ended->observed_.end();
    on_end(*ended, failed);
  }
  let_go();
}

void child_scope::let_go() {
  if (--tickets_ > 0 || !parent_.parked()) return;
  // At once, as Asio does with a coroutine that awaits another one; while tasks are watched in a turn of its own, so
  // that what the parent does is not laid at the child's door.
  if (debugging()) return asio::post(executor_, parked_turn(parent_));
  parent_.resume();
}

void child_scope::abandon(child* holder) noexcept {
  if (holder) {
    if (holder->is_linked()) holder->unlink();
    if (holder == body_) body_ = nullptr;
    holder->observed_.abandon();
  }
  on_abandoned(holder);
  if (--tickets_ == 0) parent_.drop();  // destroys the parent, and this scope with it
}

void child_scope::hear_of_cancellation() {
  parent_cancelled_ = true;
  on_parent_cancelled();
}

// No await between the start of the first child and the end of the last may throw, whatever happens to the parent: it
// would be gone while its children still run.
task<void> child_scope::run() {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  const waiting_for mark("its children");
  if (state.cancelled() != asio::cancellation_type::none) hear_of_cancellation();
  std::exception_ptr not_started;
  try {
    start();
  } catch (...) {
    not_started = std::current_exception();
    cancel_all();
  }
  if (state.cancelled() != asio::cancellation_type::none && !parent_cancelled_) hear_of_cancellation();
  if (tickets_ > 0) {
    auto join = asio::async_initiate<const asio::deferred_t&, void()>(
        [](auto parent, child_scope* self) {
          auto slot = asio::get_associated_cancellation_slot(parent);
          if (slot.is_connected()) slot.assign([self](asio::cancellation_type) { self->hear_of_cancellation(); });
          self->parent_.park(std::move(parent));
        },
        asio::deferred, this);
    co_await std::move(join);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (not_started) std::rethrow_exception(not_started);
}

}  // namespace fanout::detail
