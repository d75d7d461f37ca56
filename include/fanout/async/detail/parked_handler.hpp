#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

/// \file
/// A suspended coroutine, kept where it waits. Not for users.
namespace fanout::detail {

/// Holds the completion handler of `asio::deferred`, which owns the suspended coroutine, without an allocation and
/// without its type. Mostly this lives in the frame of that very coroutine, so resuming or dropping it may be the end
/// of this. Thread safety: as any value.
template <class... Args>
class parked_handler {
 public:
  parked_handler() = default;
  parked_handler(const parked_handler&) = delete;
  parked_handler& operator=(const parked_handler&) = delete;
  ~parked_handler() { drop(); }

  template <class Handler>
  void park(Handler handler) {
    static_assert(sizeof(Handler) <= sizeof(handler_) && alignof(Handler) <= alignof(void*));
    ::new (static_cast<void*>(handler_.data())) Handler(std::move(handler));
    leave_ = [](parked_handler& self, bool resumed, Args... with) {
      auto* const stored = std::launder(reinterpret_cast<Handler*>(self.handler_.data()));
      self.leave_ = nullptr;
      Handler last(std::move(*stored));
      stored->~Handler();
      if (resumed) std::move(last)(with...);
    };
  }
  bool parked() const noexcept { return leave_ != nullptr; }
  /// Goes on with the coroutine, before this returns.
  void resume(Args... with) { leave_(*this, true, with...); }
  /// Destroys the coroutine, if there is one.
  void drop() noexcept {
    if (leave_) leave_(*this, false, Args()...);
  }

 private:
  void (*leave_)(parked_handler&, bool resumed, Args... with) = nullptr;
  alignas(void*) std::array<std::byte, 4 * sizeof(void*)> handler_;
};

/// What is posted to resume a coroutine in a turn of its own; the coroutine is destroyed with this if that never comes.
template <class... Args>
class parked_turn {
 public:
  explicit parked_turn(parked_handler<Args...>& parked, std::type_identity_t<Args>... with) noexcept
      : parked_(&parked), with_(with...) {}
  parked_turn(parked_turn&& other) noexcept
      : parked_(std::exchange(other.parked_, nullptr)), with_(std::move(other.with_)) {}
  parked_turn& operator=(parked_turn&&) = delete;
  ~parked_turn() {
    if (parked_) parked_->drop();
  }

  void operator()() {
    std::apply([self = std::exchange(parked_, nullptr)](Args... with) { self->resume(with...); }, with_);
  }

 private:
  parked_handler<Args...>* parked_;
  std::tuple<Args...> with_;
};

}  // namespace fanout::detail
