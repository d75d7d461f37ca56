#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace fanout::fetch {

/// A queue of ids whose links are kept elsewhere: `links(id)` is a reference to the 32 bits of one. An id is in one
/// list at a time. 0 is no id.
struct id_list {
  std::uint32_t first = 0;
  std::uint32_t last = 0;

  bool empty() const noexcept { return first == 0; }
  template <class Links>
  void push_back(std::uint32_t id, Links&& links) {
    links(id) = 0;
    if (last == 0)
      first = id;
    else
      links(last) = id;
    last = id;
  }
  /// The list is not empty.
  template <class Links>
  std::uint32_t pop_front(Links&& links) {
    const std::uint32_t id = first;
    first = links(id);
    if (first == 0) last = 0;
    return id;
  }
};

/// What waits for a point in time, counted in ticks: four wheels of 256 slots, so that putting in and taking out cost
/// the same for any number that waits (Varghese and Lauck, 1987). An id lies in the wheel whose slots are as wide as
/// its wait is long, and moves to narrower ones as its time comes closer, at most three times.
///
/// A 4-ary heap was measured at twice the time of each pick with a million that wait, a binary heap at four times.
///
/// `links(id)` is the link of an id, as for id_list, and `due(id)` its tick. Ids of one tick come out in the order in
/// which they were put in, unless they came from different wheels. Thread safety: none.
class timing_wheel {
 public:
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
  /// The longest wait. Who is due later comes out early, and is put in again.
  static constexpr std::uint64_t horizon = (std::uint64_t{1} << 32) - (std::uint64_t{1} << 24) - 1;

  std::uint64_t now() const noexcept { return now_; }
  std::size_t size() const noexcept { return size_; }

  /// What is due already comes out at the next tick.
  template <class Links>
  void insert(std::uint32_t id, std::uint64_t due, Links&& links) {
    ++size_;
    place(id, due, links);
  }

  /// Moves what is due up to `tick`, that tick included, to `into`.
  template <class Links, class Due>
  void advance(std::uint64_t tick, id_list& into, Links&& links, Due&& due) {
    while (now_ < tick) {
      const std::uint64_t next = next_event();
      if (next > tick) {
        now_ = tick;
        return;
      }
      now_ = next;
      // From the widest wheel to the narrowest: what a wide slot held may belong to the slot of this very tick.
      for (std::size_t level = levels - 1; level > 0; --level) {
        if (now_ % width(level) != 0) continue;
        for (id_list moved = take(level, slot_of(now_, level)); !moved.empty();) {
          const auto id = moved.pop_front(links);
          if (due(id) <= now_)
            out(id, into, links);
          else
            place(id, due(id), links);
        }
      }
      for (id_list moved = take(0, slot_of(now_, 0)); !moved.empty();) out(moved.pop_front(links), into, links);
    }
  }

  /// The tick before which nothing comes out; `never` if nothing waits. It may be early: then something moves from one
  /// wheel to the next.
  std::uint64_t next_event() const noexcept {
    if (size_ == 0) return never;
    std::uint64_t earliest = never;
    for (std::size_t level = 0; level < levels; ++level) {
      const auto distance = next_slot(level, slot_of(now_, level));
      if (distance == 0) continue;
      const std::uint64_t at = (now_ / width(level) + distance) * width(level);
      if (at < earliest) earliest = at;
    }
    return earliest;
  }

 private:
  static constexpr std::size_t levels = 4;
  static constexpr std::size_t slots = 256;
  static constexpr std::uint64_t width(std::size_t level) noexcept { return std::uint64_t{1} << (8 * level); }
  static constexpr std::size_t slot_of(std::uint64_t tick, std::size_t level) noexcept {
    return (tick >> (8 * level)) % slots;
  }

  template <class Links>
  void place(std::uint32_t id, std::uint64_t due, Links& links) {
    if (due <= now_) due = now_ + 1;
    if (due - now_ > horizon) due = now_ + horizon;
    std::size_t level = 0;
    // By slots and not by distance: the slot that the wheel stands at has been emptied already.
    while (level + 1 < levels && due / width(level) - now_ / width(level) >= slots) ++level;
    const std::size_t slot = slot_of(due, level);
    wheel_[level][slot].push_back(id, links);
    occupied_[level][slot / 64] |= std::uint64_t{1} << slot % 64;
  }
  template <class Links>
  void out(std::uint32_t id, id_list& into, Links& links) {
    --size_;
    into.push_back(id, links);
  }
  id_list take(std::size_t level, std::size_t slot) noexcept {
    occupied_[level][slot / 64] &= ~(std::uint64_t{1} << slot % 64);
    const id_list taken = wheel_[level][slot];
    wheel_[level][slot] = {};
    return taken;
  }
  /// How many slots after `from` the next occupied one is, 1 to 256; 0 if none is.
  std::size_t next_slot(std::size_t level, std::size_t from) const noexcept {
    std::size_t distance = 1;
    while (distance <= slots) {
      const std::size_t slot = (from + distance) % slots;
      const std::uint64_t word = occupied_[level][slot / 64] >> slot % 64;
      if (word != 0) {
        distance += static_cast<std::size_t>(std::countr_zero(word));
        return distance <= slots ? distance : 0;
      }
      distance += 64 - slot % 64;
    }
    return 0;
  }

  std::array<std::array<id_list, slots>, levels> wheel_{};
  std::array<std::array<std::uint64_t, slots / 64>, levels> occupied_{};
  std::uint64_t now_ = 0;
  std::size_t size_ = 0;
};

}  // namespace fanout::fetch
