#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>

#include <array>
#include <cstddef>
#include <new>
#include <utility>

/// \file
/// How a scope starts a child: what `asio::co_spawn` is made of, without what a scope has no use for. Not for users.
///
/// `co_spawn` must work from any thread, for a coroutine that nobody awaits: it counts as work of its executor twice,
/// relays cancellation through a signal of its own, begins and ends by way of the executor, and so costs some seven
/// allocations and a turn of the loop. A child of a scope is started by a coroutine that runs on the child's executor,
/// counts as work there, outlives the child, and awaits its end. What is left is one frame, the entry, which awaits the
/// child and then says so.
///
/// This is the one place that uses what Asio keeps in `asio::detail`: the entry's type and `awaitable_thread`. Boost
/// is one exact version (tools/packages); a later one may need a change here, and nowhere else.
namespace fanout::detail {

/// The coroutine at the bottom of a child. Its own exceptions leave the loop's `run`, as those of a handler do.
using coroutine_entry = asio::awaitable<asio::detail::awaitable_thread_entry_point>;

/// Relays cancellation into a coroutine, as an `asio::cancellation_signal` does, but keeps the coroutine's state of
/// cancellation in itself: an Asio slot allocates it. Only what the coroutine makes of it by
/// `asio::this_coro::reset_cancellation_state` is in the signal.
class cancellation_relay {
 public:
  cancellation_relay() = default;
  cancellation_relay(const cancellation_relay&) = delete;
  cancellation_relay& operator=(const cancellation_relay&) = delete;
  ~cancellation_relay() {
    if (destroy_) destroy_(storage_.data());
  }

  asio::cancellation_slot slot() noexcept { return after_reset_.slot(); }
  /// To be called once.
  asio::cancellation_state state() { return asio::cancellation_state(own_slot{this}); }

  /// May end the coroutine, and this with it.
  void emit(asio::cancellation_type type) {
    if (after_reset_.slot().has_handler())
      after_reset_.emit(type);
    else if (emit_)
      emit_(storage_.data(), type);
  }

 private:
  struct own_slot {
    cancellation_relay* in;
    bool is_connected() const noexcept { return true; }
    template <class State>
    State& emplace() const {
      static_assert(sizeof(State) <= sizeof(storage_) && alignof(State) <= alignof(void*));
      State* const made = ::new (static_cast<void*>(in->storage_.data())) State();
      in->emit_ = [](void* state, asio::cancellation_type type) { (*static_cast<State*>(state))(type); };
      in->destroy_ = [](void* state) { static_cast<State*>(state)->~State(); };
      return *made;
    }
  };

  asio::cancellation_signal after_reset_;
  void (*emit_)(void* state, asio::cancellation_type) = nullptr;
  void (*destroy_)(void* state) = nullptr;
  alignas(void*) std::array<std::byte, 3 * sizeof(void*)> storage_;
};

/// Runs `entry` as a coroutine of its own on `executor`, at once and up to where it first suspends. The caller must be
/// running on `executor`; `cancel` must outlive the coroutine.
void start_coroutine(coroutine_entry entry, const asio::any_io_executor& executor, cancellation_relay& cancel);

}  // namespace fanout::detail
