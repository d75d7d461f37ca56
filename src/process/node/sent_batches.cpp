#include "process/node/sent_batches.hpp"

#include <iterator>
#include <utility>

namespace fanout::detail {

void sent_batches::add(std::uint64_t first_index, std::uint32_t count, std::size_t bytes, std::uint32_t attempt,
                       time_point now, std::optional<encoded_values> kept) {
  batches_.emplace(first_index, batch{count, attempt, bytes, now, std::vector<bool>(count, false), std::move(kept)});
  count_ += count;
  bytes_ += bytes;
}

std::optional<sent_batches::open_task> sent_batches::finish(std::uint64_t index) {
  auto place = batches_.upper_bound(index);
  if (place == batches_.begin()) return std::nullopt;
  --place;
  batch& of = place->second;
  const std::uint64_t at = index - place->first;
  if (at >= of.finished.size() || of.finished[at]) return std::nullopt;
  of.finished[at] = true;
  --count_;
  const open_task task{index, of.attempt, of.sent};
  if (--of.unfinished == 0) {
    bytes_ -= of.bytes;
    batches_.erase(place);
  }
  return task;
}

void sent_batches::take_open(std::uint32_t retries, std::vector<input_batch>& again, std::vector<open_task>& without) {
  for (auto& [first_index, of] : batches_) {
    const auto size = static_cast<std::uint32_t>(of.finished.size());
    for (std::uint32_t i = 0; i < size;) {
      if (of.finished[i]) {
        ++i;
        continue;
      }
      std::uint32_t end = i;
      while (end < size && !of.finished[end]) ++end;
      if (of.kept && of.attempt <= retries) {
        again.push_back({first_index + i, of.kept->slice(i, end), of.attempt + 1});
      } else {
        for (std::uint32_t each = i; each < end; ++each) without.push_back({first_index + each, of.attempt, of.sent});
      }
      i = end;
    }
  }
  batches_.clear();
  count_ = 0;
  bytes_ = 0;
}

}  // namespace fanout::detail
