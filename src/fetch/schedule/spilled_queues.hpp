#pragma once

#include "fetch/schedule/spill_file.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::fetch {

/// Queues of items that are on disk but for their ends: of each, what was added last is collected in memory until it is
/// a chunk, and what comes next is read a page at a time. The memory for all ends together is bounded: when it is used
/// up, the longest ones are written before they are a whole chunk.
///
/// Errors throw `output_error`; an item that could not be added is in no queue. Thread safety: none.
class spilled_queues {
 public:
  static constexpr std::size_t chunk_size = 16 * 1024;
  static constexpr std::size_t page_size = 4 * 1024;
  /// Of an item's bytes.
  static constexpr std::size_t largest = 8 * 1024 * 1024;

  spilled_queues(std::string directory, std::size_t memory) : file_(std::move(directory)), memory_(memory) {}

  /// A new, empty queue; never 0.
  std::uint32_t add_queue();
  void remove_queue(std::uint32_t queue) noexcept;

  void push(std::uint32_t queue, std::uint64_t index, std::string_view payload);
  /// Before all that is queued: an item that was popped and comes back.
  void push_front(std::uint32_t queue, std::uint64_t index, std::string_view payload);
  /// Moves the first item out; false if the queue is empty.
  bool pop(std::uint32_t queue, std::uint64_t& index, std::string& payload);
  bool empty(std::uint32_t queue) const noexcept { return queues_[queue].items == 0; }

  std::uint64_t on_disk() const noexcept { return file_.live(); }
  std::size_t memory() const noexcept;

 private:
  /// Bytes of the file: 40 bits say where they begin, 24 how many they are.
  struct chunk {
    std::uint64_t packed;
    std::uint64_t begin() const noexcept { return packed >> 24; }
    std::size_t size() const noexcept { return packed & 0xffffff; }
  };
  struct spilled_queue {
    std::uint64_t items = 0;
    std::vector<chunk> chunks;  ///< written; those before `chunk_at` are read
    std::size_t chunk_at = 0;
    std::size_t read = 0;  ///< of that chunk
    std::string page;      ///< what comes next, before the rest of that chunk
    std::size_t page_at = 0;
    std::string end;  ///< what comes last
    bool used = false;
  };

  void write_end(spilled_queue& queue);
  void write_longest();
  void next_page(spilled_queue& queue);

  spill_file file_;
  std::size_t memory_;
  std::size_t end_bytes_ = 0;  ///< of all ends
  std::vector<spilled_queue> queues_{1};
  std::vector<std::uint32_t> free_;
  std::size_t turn_ = 0;  ///< of `write_longest`
};

}  // namespace fanout::fetch
