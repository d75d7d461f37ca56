#include "fetch/schedule/host_queues.hpp"

#include <cstring>
#include <utility>
#include <vector>

namespace fanout::fetch {

std::uint32_t host_queues::make_node(std::string_view payload, std::uint64_t index) {
  const auto handle = nodes_.allocate(sizeof(queued_node) + payload.size());
  const queued_node node{0, static_cast<std::uint32_t>(index), static_cast<std::uint16_t>(index >> 32),
                         static_cast<std::uint16_t>(payload.size())};
  std::memcpy(nodes_.at(handle), &node, sizeof node);
  std::memcpy(nodes_.at(handle) + sizeof node, payload.data(), payload.size());
  return handle;
}

void host_queues::push(host_record& host, std::uint64_t index, std::string_view payload) {
  const std::size_t size = sizeof(queued_node) + payload.size();
  const bool in_memory = host.spilled == 0 && size <= granule_arena::largest &&
                         host.queued_bytes + size <= host_memory_ && nodes_.used() + size <= memory_;
  if (!in_memory) {
    const bool new_queue = host.spilled == 0;
    if (new_queue) host.spilled = spilled_.add_queue();
    try {
      spilled_.push(host.spilled, index, payload);
    } catch (...) {
      if (new_queue) close_spilled(host);
      throw;
    }
    return;
  }
  const auto node = make_node(payload, index);
  if (host.last == 0)
    host.first = node;
  else
    node_at(host.last).next = node;
  host.last = node;
  host.queued_bytes += static_cast<std::uint32_t>(size);
}

void host_queues::push_front(host_record& host, std::uint64_t index, std::string_view payload) {
  if (sizeof(queued_node) + payload.size() > granule_arena::largest) return push_front_large(host, index, payload);
  const auto node = make_node(payload, index);
  node_at(node).next = host.first;
  host.first = node;
  if (host.last == 0) host.last = node;
  host.queued_bytes += static_cast<std::uint32_t>(sizeof(queued_node) + payload.size());
}

/// What is queued in memory is behind it, so it goes to where queues are whose items are large.
void host_queues::push_front_large(host_record& host, std::uint64_t index, std::string_view payload) {
  std::vector<std::pair<std::uint64_t, std::string>> behind;
  while (host.first != 0) {
    auto& [number, text] = behind.emplace_back();
    pop(host, number, text);
  }
  if (host.spilled == 0) host.spilled = spilled_.add_queue();
  for (; !behind.empty(); behind.pop_back())
    spilled_.push_front(host.spilled, behind.back().first, behind.back().second);
  spilled_.push_front(host.spilled, index, payload);
}

void host_queues::close_spilled(host_record& host) noexcept {
  spilled_.remove_queue(host.spilled);
  host.spilled = 0;
}

void host_queues::pop(host_record& host, std::uint64_t& index, std::string& payload) {
  if (host.first == 0) {
    spilled_.pop(host.spilled, index, payload);
    if (spilled_.empty(host.spilled)) close_spilled(host);
    return;
  }
  const auto handle = host.first;
  const queued_node node = node_at(handle);
  index = std::uint64_t{node.index_high} << 32 | node.index_low;
  payload.assign(nodes_.at(handle) + sizeof node, node.size);
  host.first = node.next;
  if (host.first == 0) host.last = 0;
  const std::size_t size = sizeof node + node.size;
  host.queued_bytes -= static_cast<std::uint32_t>(size);
  nodes_.free(handle, size);
}

}  // namespace fanout::fetch
