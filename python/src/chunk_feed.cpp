#include "chunk_feed.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace fanout::python {

void chunk_feed::give(std::string&& bytes, std::uint32_t count) {
  if (count == 0) return;
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  blocks_.push_back({std::move(bytes), given_, count});
  given_ += count;
  waiting_ += count;
  announce();
}

void chunk_feed::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  announce();
}

void chunk_feed::drop() {
  const std::lock_guard lock(mutex_);
  blocks_.clear();
  waiting_ = 0;
  ended_ = dropped_ = true;
  announce();
}

bool chunk_feed::empty() const {
  const std::lock_guard lock(mutex_);
  return waiting_ == 0;
}

bool chunk_feed::held_back() const {
  return under_way_.size() >= (mean_ < 0 ? 2 : 4) * std::size_t{places_};
}

// With the mutex, as the next.
bool chunk_feed::is_ready() const {
  if (waiting_ != 0) return !held_back();
  return dropped_ || (ended_ && under_way_.empty());
}

void chunk_feed::announce() {
  if (is_ready())
    ready_.announce();
  else
    ready_.retract();
}

bool chunk_feed::ready() {
  const std::lock_guard lock(mutex_);
  return is_ready();
}

std::uint32_t chunk_feed::chunk_size() const {
  if (mean_ < 0) return 1;
  const auto fitting = static_cast<std::uint64_t>(std::clamp(worth / std::max(mean_, 1e-9), 1.0, 1.0 * most_));
  // Of what is there, each worker gets several chunks, so that they end together.
  const std::uint64_t share = waiting_ / (2 * std::uint64_t{places_});
  return static_cast<std::uint32_t>(std::clamp(share, (fitting + 7) / 8, fitting));
}

std::optional<std::string> chunk_feed::next() {
  const std::lock_guard lock(mutex_);
  if (waiting_ == 0) return std::nullopt;
  block& front = blocks_.front();
  const std::uint32_t count = std::min(front.count, chunk_size());
  under_way_[tasks_++] = {front.first, count};
  std::optional<std::string> chunk;
  if (count == front.count && front.offset == 1) {
    chunk = std::move(front.bytes);
    blocks_.pop_front();
  } else {
    std::size_t end = front.offset;
    for (std::uint32_t i = 0; i < count; ++i) {
      std::uint32_t size = 0;
      std::memcpy(&size, front.bytes.data() + end, sizeof size);
      end += sizeof size + size;
    }
    chunk.emplace();
    chunk->reserve(1 + end - front.offset);
    chunk->push_back(letter);
    chunk->append(front.bytes, front.offset, end - front.offset);
    front.offset = end;
    front.first += count;
    front.count -= count;
    if (front.count == 0) blocks_.pop_front();
  }
  waiting_ -= count;
  announce();
  return chunk;
}

chunk_feed::span chunk_feed::ended(std::uint64_t task, std::chrono::nanoseconds took, std::uint32_t ran,
                                   std::string&& rest) {
  const std::lock_guard lock(mutex_);
  const auto found = under_way_.find(task);
  span which = found->second;
  under_way_.erase(found);
  if (ran > 0) {
    // The quickest counts at once: chunks that are too large come back, and what is slow may have had no core.
    const double each = std::chrono::duration<double>(took).count() / ran;
    mean_ = mean_ < 0 || each < mean_ ? each : std::min(2 * mean_, mean_ + 0.3 * (each - mean_));
  }
  if (!rest.empty()) {
    if (!dropped_) {
      blocks_.push_front({std::move(rest), which.first + ran, which.count - ran});
      waiting_ += which.count - ran;
    }
    which.count = ran;
  }
  announce();
  return which;
}

}  // namespace fanout::python
