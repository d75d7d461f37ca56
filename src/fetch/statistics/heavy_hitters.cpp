#include <fanout/fetch/heavy_hitters.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {

heavy_hitters::heavy_hitters(std::size_t places) : places_(places) {
  if (places == 0) throw std::invalid_argument("heavy_hitters needs one place or more");
}

void heavy_hitters::add(std::string_view name, std::uint64_t weight, bool flag) {
  number which = 0;
  if (const auto found = numbers_.find(name); found != numbers_.end()) {
    which = found->second;
  } else if (entries_.size() < places_) {
    which = static_cast<number>(entries_.size());
    entries_.push_back({.name = std::string(name)});
    heap_.push_back(which);
    heap_at_.push_back(which);
    numbers_.emplace(name, which);
    rise(which);
  } else {
    which = heap_.front();
    entry& lightest = entries_[which];
    numbers_.erase(lightest.name);
    lightest = {.name = std::string(name), .weight = lightest.weight, .excess = lightest.weight};
    numbers_.emplace(name, which);
  }
  entry& of = entries_[which];
  of.weight += weight;
  ++of.count;
  of.flagged += flag;
  sink(heap_at_[which]);
}

std::vector<heavy_hitters::entry> heavy_hitters::largest(std::size_t most) const {
  std::vector<entry> all = entries_;
  std::sort(all.begin(), all.end(), [](const entry& a, const entry& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.name < b.name;
  });
  if (all.size() > most) all.resize(most);
  return all;
}

void heavy_hitters::sink(std::size_t at) {
  for (;;) {
    std::size_t least = at;
    for (const std::size_t child : {2 * at + 1, 2 * at + 2})
      if (child < heap_.size() && weight_at(child) < weight_at(least)) least = child;
    if (least == at) return;
    swap(at, least);
    at = least;
  }
}

void heavy_hitters::rise(std::size_t at) {
  while (at > 0 && weight_at(at) < weight_at((at - 1) / 2)) {
    swap(at, (at - 1) / 2);
    at = (at - 1) / 2;
  }
}

void heavy_hitters::swap(std::size_t a, std::size_t b) {
  std::swap(heap_[a], heap_[b]);
  heap_at_[heap_[a]] = static_cast<number>(a);
  heap_at_[heap_[b]] = static_cast<number>(b);
}

}  // namespace fanout::fetch
