#pragma once

#include <atomic>
#include <mutex>

/// \file
/// A source that somebody else can hold up. Not for users: `for_each_in_order` and the jobs of `fetch` are built from
/// it.
namespace fanout::detail {

/// The descriptor that a source which is held up gives to lanes: readable when there is room again, and, while there is
/// room, when the source itself is. So no lane's thread stands still for it.
///
/// Thread safety: `may_pull` and `source_waits` on one thread at a time; `room_made` on any thread, meanwhile too.
class source_gate {
 public:
  /// `source` is the descriptor of the source; negative where it never waits. Throws `std::system_error`.
  explicit source_gate(int source);
  source_gate(const source_gate&) = delete;
  source_gate& operator=(const source_gate&) = delete;
  ~source_gate();

  /// Whether `has_room()`. If not, `handle` becomes readable once `room_made` was called. What `has_room` reads is
  /// changed by other threads, so it is an atomic, stored and loaded in sequential consistency.
  template <class HasRoom>
  bool may_pull(HasRoom has_room) {
    return has_room() || shut(has_room);
  }
  /// The source itself is not ready: `handle` is readable when it may be.
  void source_waits() noexcept { take_signal(); }
  /// Call it after each change by which there may be room.
  void room_made() {
    if (shut_.load()) open();
  }

  int handle() const noexcept { return handle_; }

 private:
  /// Sequentially consistent, here and in `room_made`: whoever comes second sees what the other stored, so either this
  /// finds room or the other finds it shut.
  template <class HasRoom>
  bool shut(HasRoom has_room) {
    const std::lock_guard lock(mutex_);
    shut_.store(true);
    if (has_room()) {
      shut_.store(false);
      return true;
    }
    take_signal();
    watch_source(false);  // it may be readable all the time
    return false;
  }
  void open();
  void take_signal() noexcept;
  void watch_source(bool watched) noexcept;

  const int source_;
  int handle_ = -1;                ///< an epoll instance: `room_`, and the source while there is room
  int room_ = -1;                  ///< an event descriptor
  std::atomic<bool> shut_{false};  ///< somebody waits, or is about to
  std::mutex mutex_;               ///< guards the way from shut to open
};

}  // namespace fanout::detail
