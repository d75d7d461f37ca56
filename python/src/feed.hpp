#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

/// \file
/// Inputs on their way from Python to a run of the engine's.
namespace fanout::python {

/// The descriptor of a source that waits: readable while the source is ready. Thread safety: none of its own.
class readiness {
 public:
  readiness() : handle_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!handle_) throw std::system_error(errno, std::generic_category(), "cannot make a source of inputs");
  }
  void announce() {
    if (std::exchange(announced_, true)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(handle_.value(), &one, sizeof one);
  }
  void retract() {
    if (!std::exchange(announced_, false)) return;
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(handle_.value(), &count, sizeof count);
  }
  int handle() const { return handle_.value(); }

 private:
  bool announced_ = false;
  const fanout::detail::owned_descriptor handle_;
};

/// A source for `fanout::run` that another thread fills. It waits where it is empty (core/source.hpp), so no lane
/// stands still in it, and it never asks for the interpreter's lock.
///
/// Thread safety: one thread gives, the run takes.
template <class Item>
class feed {
 public:
  void give(std::vector<Item>&& items) {
    if (items.empty()) return;
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    for (Item& each : items) items_.push_back(std::move(each));
    ready_.announce();
  }
  /// Nothing more comes. What was given before is taken all the same.
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    ready_.announce();
  }
  /// Nothing more comes, and what was not taken is dropped.
  void drop() {
    const std::lock_guard lock(mutex_);
    items_.clear();
    ended_ = true;
    ready_.announce();
  }
  bool empty() const {
    const std::lock_guard lock(mutex_);
    return items_.empty();
  }

  std::optional<Item> next() {
    const std::lock_guard lock(mutex_);
    if (items_.empty()) return std::nullopt;
    std::optional<Item> item(std::move(items_.front()));
    items_.pop_front();
    if (items_.empty() && !ended_) ready_.retract();
    return item;
  }
  bool ready() {
    const std::lock_guard lock(mutex_);
    return !items_.empty() || ended_;
  }
  int handle() const { return ready_.handle(); }

 private:
  mutable std::mutex mutex_;
  std::deque<Item> items_;
  bool ended_ = false;
  readiness ready_;
};

}  // namespace fanout::python
