#include "fetch/schedule/spilled_queues.hpp"

#include <fanout/fetch/output.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace fanout::fetch {
namespace {

constexpr std::size_t longest_head = 20;  // two varints

void append_varint(std::string& into, std::uint64_t value) {
  while (value >= 0x80) {
    into += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  into += static_cast<char>(value);
}

/// Of bytes that were written here, and are whole.
std::uint64_t read_varint(std::string_view bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
}

/// The size of the item that begins at `at`, its head included; 0 if not even the head is there.
std::size_t item_size(std::string_view bytes, std::size_t at) {
  int ends = 0;
  for (std::size_t i = at; i < bytes.size(); ++i) {
    if (static_cast<unsigned char>(bytes[i]) >= 0x80 || ++ends < 2) continue;
    std::size_t head = at;
    read_varint(bytes, head);
    const auto payload = read_varint(bytes, head);
    return head - at + payload;
  }
  return 0;
}

}  // namespace

std::uint32_t spilled_queues::add_queue() {
  if (free_.empty()) {
    free_.reserve(queues_.size() + 1);  // remove_queue does not allocate
    queues_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(queues_.size() - 1));
  }
  const auto queue = free_.back();
  free_.pop_back();
  queues_[queue].used = true;
  return queue;
}

void spilled_queues::remove_queue(std::uint32_t queue) noexcept {
  spilled_queue& gone = queues_[queue];
  for (std::size_t i = gone.chunk_at; i < gone.chunks.size(); ++i)
    file_.give_back(gone.chunks[i].begin(), gone.chunks[i].size());
  end_bytes_ -= gone.end.size();
  gone = {};
  free_.push_back(queue);
}

void spilled_queues::push(std::uint32_t number, std::uint64_t index, std::string_view payload) {
  if (payload.size() > largest)
    throw std::length_error(fmt::format("an input has at most {} bytes, and this one has {}", largest, payload.size()));
  spilled_queue& queue = queues_[number];
  const std::size_t before = queue.end.size();
  queue.end.reserve(before + longest_head + payload.size());  // no half of an item where memory ends
  append_varint(queue.end, index);
  append_varint(queue.end, payload.size());
  queue.end += payload;
  end_bytes_ += queue.end.size() - before;
  ++queue.items;
  try {
    if (queue.end.size() >= chunk_size) write_end(queue);
    if (end_bytes_ > memory_) write_longest();
  } catch (const output_error&) {
    if (queue.end.size() > before) {  // else it was written, and another queue's end was not
      end_bytes_ -= queue.end.size() - before;
      queue.end.resize(before);
      --queue.items;
      throw;
    }
  }
}

void spilled_queues::push_front(std::uint32_t number, std::uint64_t index, std::string_view payload) {
  spilled_queue& queue = queues_[number];
  std::string page;
  append_varint(page, index);
  append_varint(page, payload.size());
  page += payload;
  page.append(queue.page, queue.page_at);
  queue.page = std::move(page);
  queue.page_at = 0;
  ++queue.items;
}

void spilled_queues::write_end(spilled_queue& queue) {
  queue.chunks.reserve(queue.chunks.size() + 1);
  const std::uint64_t begin = file_.append(queue.end);
  if (begin >> 40 != 0) {
    file_.give_back(begin, queue.end.size());
    throw output_error("the queues of hosts on disk are larger than 1 TiB");
  }
  queue.chunks.push_back({begin << 24 | queue.end.size()});
  end_bytes_ -= queue.end.size();
  std::string().swap(queue.end);
}

/// Takes turns, and takes who has at least as much as the average: somebody has.
void spilled_queues::write_longest() {
  const std::size_t average = end_bytes_ / (queues_.size() - 1 - free_.size());
  for (;;) {
    turn_ = turn_ + 1 < queues_.size() ? turn_ + 1 : 1;
    spilled_queue& queue = queues_[turn_];
    if (!queue.used || queue.end.empty() || queue.end.size() < average) continue;
    write_end(queue);
    return;
  }
}

bool spilled_queues::pop(std::uint32_t number, std::uint64_t& index, std::string& payload) {
  spilled_queue& queue = queues_[number];
  if (queue.items == 0) return false;
  if (queue.page_at == queue.page.size()) next_page(queue);
  index = read_varint(queue.page, queue.page_at);
  const std::size_t size = read_varint(queue.page, queue.page_at);
  payload.assign(queue.page, queue.page_at, size);
  queue.page_at += size;
  --queue.items;
  return true;
}

/// There is an item that is not in the page.
void spilled_queues::next_page(spilled_queue& queue) {
  queue.page_at = 0;
  if (queue.chunk_at == queue.chunks.size()) {
    queue.page.clear();
    queue.page.swap(queue.end);
    end_bytes_ -= queue.page.size();
    return;
  }
  const chunk from = queue.chunks[queue.chunk_at];
  const std::size_t left = from.size() - queue.read;
  queue.page.clear();
  file_.read(from.begin() + queue.read, std::min(left, page_size), queue.page);
  // Whole items: of those that fit, or one.
  std::size_t whole = 0;
  while (whole < queue.page.size()) {
    const std::size_t size = item_size(queue.page, whole);
    if (size == 0 || whole + size > queue.page.size()) break;
    whole += size;
  }
  if (whole == 0) {
    static_assert(page_size > longest_head);
    whole = item_size(queue.page, 0);
    file_.read(from.begin() + queue.read, whole, queue.page);
  }
  queue.page.resize(whole);
  queue.read += whole;
  if (queue.read < from.size()) return;
  file_.give_back(from.begin(), from.size());
  queue.read = 0;
  ++queue.chunk_at;
  if (queue.chunk_at * 2 > queue.chunks.size() && queue.chunk_at >= 64) {
    queue.chunks.erase(queue.chunks.begin(), queue.chunks.begin() + static_cast<std::ptrdiff_t>(queue.chunk_at));
    queue.chunk_at = 0;
  }
}

std::size_t spilled_queues::memory() const noexcept {
  std::size_t sum = queues_.capacity() * sizeof(spilled_queue);
  for (const auto& queue : queues_)
    sum += queue.page.capacity() + queue.end.capacity() + queue.chunks.capacity() * sizeof(chunk);
  return sum;
}

}  // namespace fanout::fetch
