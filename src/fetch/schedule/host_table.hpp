#pragma once

#include "fetch/hash/siphash.hpp"
#include "fetch/schedule/granule_arena.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace fanout::fetch {

/// What a scheduler knows of one host. Kept small: there may be millions.
struct host_record {
  enum class place : std::uint8_t {
    nowhere,  ///< nothing is queued, or as much is in flight as may be
    ready,    ///< in the list of hosts that may be fetched from
    waiting,  ///< in the timing wheel
    parked,   ///< in the queue of its address
    held,     ///< in no list, until it is released
  };

  std::int64_t next_start_ns = 0;  ///< no fetch starts before
  std::int64_t delay_ns = 0;       ///< from start to start
  std::uint32_t link = 0;          ///< of the list it is in
  std::uint32_t hash = 0;          ///< of its name
  std::uint32_t name = 0;          ///< in the arena: a byte with the size, then the text
  std::uint32_t first = 0;         ///< queued in memory
  std::uint32_t last = 0;
  std::uint32_t queued_bytes = 0;  ///< in memory
  std::uint32_t in_flight = 0;
  std::uint32_t limit = 0;  ///< in flight; 0: no limit
  std::uint32_t address = 0;
  std::uint32_t spilled = 0;  ///< the rest of its queue, if it is on disk
  place where = place::nowhere;
  bool picked = false;  ///< before
};

/// Hosts by name and by number. Numbers of hosts that are gone are used again.
///
/// Thread safety: none. References to records stay until their host is removed.
class host_table {
 public:
  static constexpr std::size_t longest_name = 255;

  host_table();

  /// The host of that name, made if there is none. Throws `std::length_error` for a name that is empty or too long.
  std::uint32_t find_or_add(std::string_view name);
  /// 0: there is none.
  std::uint32_t find(std::string_view name) const;
  void remove(std::uint32_t id);

  host_record& operator[](std::uint32_t id) noexcept { return blocks_[id / block_size][id % block_size]; }
  const host_record& operator[](std::uint32_t id) const noexcept { return blocks_[id / block_size][id % block_size]; }
  std::string_view name(std::uint32_t id) const noexcept;
  std::size_t size() const noexcept { return size_; }
  /// Bytes of memory, what is kept for hosts to come included.
  std::size_t memory() const noexcept;

  template <class Function>
  void for_each(Function&& function) const {
    for (const std::uint32_t id : slots_)
      if (id != 0) function(id, (*this)[id]);
  }

 private:
  static constexpr std::size_t block_size = 1024;

  std::size_t slot_of(std::string_view name, std::uint32_t hash) const noexcept;
  std::uint32_t hash_of(std::string_view name) const noexcept;
  void grow();
  std::uint32_t new_id();

  hash_128 key_;
  granule_arena names_;
  std::vector<std::unique_ptr<host_record[]>> blocks_;
  std::uint32_t next_id_ = 1;
  std::uint32_t free_ids_ = 0;        ///< linked by `link`
  std::vector<std::uint32_t> slots_;  ///< open addressing, linear; a power of two
  std::size_t size_ = 0;
};

}  // namespace fanout::fetch
