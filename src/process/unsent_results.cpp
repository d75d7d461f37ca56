#include "process/unsent_results.hpp"

#include <algorithm>
#include <cstring>

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

}  // namespace

char* unsent_results::run::write(char* place, std::uint32_t from, std::uint32_t to) const {
  const std::uint32_t begun = from == 0 ? 0 : ends[from - 1];
  const std::uint32_t bytes_from = from == 0 ? 0 : value_ends[from - 1];
  const bool uniform = varying.load(std::memory_order_relaxed) == 0 || to - from == 1;
  const results_header header{.first_ordinal = first_ordinal + from,
                              .started_ns = started_ns + begun,
                              .finished_ns = started_ns + ends[to - 1],
                              .count = to - from,
                              .lane = lane,
                              .each = uniform ? value_ends[from] - bytes_from : varying_size,
                              .ok = 1};
  place = put(place, &header, sizeof header);
  if (to - from > 1) place = put_from(place, ends.data() + from, ends.data() + to, begun);
  if (!uniform) place = put_from(place, value_ends.data() + from, value_ends.data() + to, bytes_from);
  return put(place, bytes.data() + bytes_from, value_ends[to - 1] - bytes_from);
}

std::string unsent_results::left_behind() const {
  std::string all;
  const std::uint32_t size = framed.load(std::memory_order_acquire);
  if (size <= frame_bytes) all.assign(frame.data() + sizeof(frame_header), size);
  const std::uint32_t count = collected.complete.load(std::memory_order_acquire);
  if (count == 0 || count > run_tasks || collected.value_ends[count - 1] > run_bytes) return all;
  const std::size_t begin = all.size();
  all.resize(begin + most_run_frame);
  const char* const end = collected.write(all.data() + begin, 0, count);
  all.resize(static_cast<std::size_t>(end - all.data()));
  return all;
}

}  // namespace fanout::detail
