#include <fanout/async/child_scope.hpp>
#include <fanout/base/failure.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
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

void child_scope::begin(child& self) {
  const bool refused = &self == body_ ? body_cancelled_ : cancelled_;
  if (refused) std::rethrow_exception(cancellation());
  self.stage_ = child::stage::begun;
  if (&self != body_) children_.push_back(self);
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

// Children may end while they are told, and so leave the list: each is moved to a list of those told before it is.
void child_scope::emit() {
  emitting_ = false;
  decltype(children_) told;
  while (!children_.empty()) {
    child& next = children_.front();
    children_.pop_front();
    told.push_back(next);
    if (std::exchange(next.stage_, child::stage::cancelled) == child::stage::begun)
      next.signal_.emit(asio::cancellation_type::terminal);
  }
  children_.swap(told);
  if (body_ && body_cancelled_ && body_->stage_ == child::stage::begun) {
    body_->stage_ = child::stage::cancelled;
    body_->signal_.emit(asio::cancellation_type::terminal);
  }
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
  if (--tickets_ > 0 || !resume_) return;
  resumption parent = std::move(*resume_);
  resume_.reset();
  // At once, as Asio does with a coroutine that awaits another one; while tasks are watched in a turn of its own, so
  // that what the parent does is not laid at the child's door.
  if (debugging()) return asio::post(std::move(parent));
  std::move(parent)();
}

void child_scope::abandon(child* holder) noexcept {
  if (holder) {
    if (holder->is_linked()) holder->unlink();
    if (holder == body_) body_ = nullptr;
    holder->observed_.abandon();
  }
  on_abandoned(holder);
  if (--tickets_ > 0 || !resume_) return;
  const resumption parent = std::move(*resume_);  // destroys the parent, and this scope with it
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
    auto join = asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this](resumption parent) {
          auto slot = asio::get_associated_cancellation_slot(parent);
          if (slot.is_connected()) slot.assign([this](asio::cancellation_type) { hear_of_cancellation(); });
          resume_.emplace(std::move(parent));
        },
        asio::use_awaitable);
    co_await std::move(join);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (not_started) std::rethrow_exception(not_started);
}

}  // namespace fanout::detail
