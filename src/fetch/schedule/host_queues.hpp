#pragma once

#include "fetch/schedule/granule_arena.hpp"
#include "fetch/schedule/host_table.hpp"
#include "fetch/schedule/spilled_queues.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fanout::fetch {

/// The inputs that wait for their host, first in, first out: those of a host in memory up to some KiB, the rest on disk
/// (spilled_queues.hpp). Where a host's queue begins is in its record.
///
/// Errors throw `output_error` or `std::length_error` (a payload beyond 8 MiB); what could not be added is in no queue.
/// Thread safety: none.
class host_queues {
 public:
  /// `host_memory`: bytes of one host in memory; `memory`: of all hosts, and again for their ends on disk.
  host_queues(std::size_t host_memory, std::size_t memory, std::string directory)
      : host_memory_(host_memory), memory_(memory), spilled_(std::move(directory), memory) {}

  static bool any(const host_record& host) noexcept { return host.first != 0 || host.spilled != 0; }
  void push(host_record& host, std::uint64_t index, std::string_view payload);
  /// Before all that is queued.
  void push_front(host_record& host, std::uint64_t index, std::string_view payload);
  /// Moves the first one out; the host has one.
  void pop(host_record& host, std::uint64_t& index, std::string& payload);
  /// The first one is about to be popped.
  void prefetch(const host_record& host) const noexcept {
    if (host.first != 0) __builtin_prefetch(nodes_.at(host.first));
  }

  std::uint64_t on_disk() const noexcept { return spilled_.on_disk(); }
  std::size_t memory() const noexcept { return nodes_.reserved() + spilled_.memory(); }

 private:
  /// An input in memory; its payload follows.
  struct queued_node {
    std::uint32_t next;
    std::uint32_t index_low;
    std::uint16_t index_high;
    std::uint16_t size;
  };
  static_assert(sizeof(queued_node) == 12);

  queued_node& node_at(std::uint32_t handle) {  // aligned to 8 bytes by the arena
    return *reinterpret_cast<queued_node*>(nodes_.at(handle));
  }
  std::uint32_t make_node(std::string_view payload, std::uint64_t index);
  void push_front_large(host_record& host, std::uint64_t index, std::string_view payload);
  void close_spilled(host_record& host) noexcept;

  const std::size_t host_memory_;
  const std::size_t memory_;
  granule_arena nodes_;
  spilled_queues spilled_;
};

}  // namespace fanout::fetch
