#include "process/channel/unsent_results.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

namespace fanout::detail {
namespace {

char* put(char* place, const void* data, std::size_t size) {
  std::memcpy(place, data, size);
  return place + size;
}

char* put_from(char* place, const std::uint32_t* first, const std::uint32_t* last, std::uint32_t start) {
  for (; first != last; ++first) {
    const std::uint32_t shifted = *first - start;
    place = put(place, &shifted, sizeof shifted);
  }
  return place;
}

/// Beyond it, adding the end of a task would overflow.
constexpr std::int64_t latest_ns = std::numeric_limits<std::int64_t>::max() - std::numeric_limits<std::uint32_t>::max();

/// One run of results, wherever its parts are.
struct run_parts {
  std::uint64_t first_ordinal;
  std::int64_t started_ns;
  std::uint32_t lane;
  bool uniform;  ///< all values are of one size
  const std::uint32_t* ends;
  const std::uint32_t* value_ends;
  const char* bytes;
};

char* write_run(char* place, const run_parts& run, std::uint32_t from, std::uint32_t to) {
  const std::uint32_t begun = from == 0 ? 0 : run.ends[from - 1];
  const std::uint32_t bytes_from = from == 0 ? 0 : run.value_ends[from - 1];
  const bool uniform = run.uniform || to - from == 1;
  const results_header header{.first_ordinal = run.first_ordinal + from,
                              .started_ns = run.started_ns + begun,
                              .finished_ns = run.started_ns + run.ends[to - 1],
                              .count = to - from,
                              .lane = run.lane,
                              .each = uniform ? run.value_ends[from] - bytes_from : varying_size,
                              .ok = 1};
  place = put(place, &header, sizeof header);
  if (to - from > 1) place = put_from(place, run.ends + from, run.ends + to, begun);
  if (!uniform) place = put_from(place, run.value_ends + from, run.value_ends + to, bytes_from);
  return put(place, run.bytes + bytes_from, run.value_ends[to - 1] - bytes_from);
}

}  // namespace

char* unsent_results::run::write(char* place, std::uint32_t from, std::uint32_t to) const {
  const bool uniform = varying.load(std::memory_order_relaxed) == 0;
  return write_run(place, {first_ordinal, started_ns, lane, uniform, ends.data(), value_ends.data(), bytes.data()},
                   from, to);
}

// A process that the worker forked may still write here: each number is read once, and it is that reading which is
// checked and used. What the values then are does not matter to memory.
std::string unsent_results::left_behind() const {
  std::string all;
  const std::uint32_t size = framed.load(std::memory_order_acquire);
  if (size <= frame_bytes) all.assign(frame.data() + sizeof(frame_header), size);
  const std::uint32_t count = collected.complete.load(std::memory_order_acquire);
  if (count == 0 || count > run_tasks) return all;
  const std::vector<std::uint32_t> ends(collected.ends.begin(), collected.ends.begin() + count);
  const std::vector<std::uint32_t> value_ends(collected.value_ends.begin(), collected.value_ends.begin() + count);
  if (value_ends.back() > run_bytes) return all;
  const std::size_t begin = all.size();
  all.resize(begin + most_run_frame);
  const std::int64_t started = std::clamp<std::int64_t>(collected.started_ns, 0, latest_ns);
  const bool uniform = collected.varying.load(std::memory_order_relaxed) == 0;
  const char* const end = write_run(all.data() + begin,
                                    {collected.first_ordinal, started, collected.lane, uniform, ends.data(),
                                     value_ends.data(), collected.bytes.data()},
                                    0, count);
  all.resize(static_cast<std::size_t>(end - all.data()));
  return all;
}

}  // namespace fanout::detail
