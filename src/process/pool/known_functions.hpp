#pragma once

#include <fanout/core/detail/remote_job.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace fanout::detail {

/// The functions that a pool's workers know, by number. A function and its context have one number for all callers that
/// use them at the same time, and keep it for a while after that: contexts may be large, and sending them costs.
///
/// Thread safety: all members may be called from any thread.
class known_functions {
 public:
  /// The function's number, above 0, which stays valid until it was released as often as it was acquired.
  std::uint32_t acquire(remote_callable function);
  /// Returns a number that is valid no more, and is never given again, if there is one to forget.
  std::optional<std::uint32_t> release(std::uint32_t number);
  remote_callable at(std::uint32_t number) const;

 private:
  static constexpr std::size_t most_unused = 64;

  struct entry {
    remote_callable function;
    std::uint64_t users = 0;
  };
  using key = std::pair<std::string, std::string>;

  mutable std::mutex mutex_;  ///< guards all below
  std::map<key, std::uint32_t> numbers_;
  std::map<std::uint32_t, entry> entries_;
  std::deque<std::uint32_t> unused_;  ///< the longest unused first; one that is used again is taken out
  std::uint32_t next_ = 1;
};

}  // namespace fanout::detail
