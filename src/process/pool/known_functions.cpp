#include "process/pool/known_functions.hpp"

#include <algorithm>

namespace fanout::detail {

std::uint32_t known_functions::acquire(remote_callable function) {
  const std::lock_guard lock(mutex_);
  const auto [place, added] = numbers_.try_emplace({function.name, function.context}, next_);
  if (added) entries_.emplace(next_++, entry{std::move(function), 0});
  entry& known = entries_.at(place->second);
  if (known.users++ == 0 && !added) std::erase(unused_, place->second);
  return place->second;
}

std::optional<std::uint32_t> known_functions::release(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  if (--entries_.at(number).users > 0) return std::nullopt;
  unused_.push_back(number);
  if (unused_.size() <= most_unused) return std::nullopt;
  const std::uint32_t oldest = unused_.front();
  unused_.pop_front();
  const auto gone = entries_.extract(oldest);
  const remote_callable& function = gone.mapped().function;
  numbers_.erase({function.name, function.context});
  return oldest;
}

remote_callable known_functions::at(std::uint32_t number) const {
  const std::lock_guard lock(mutex_);
  return entries_.at(number).function;
}

}  // namespace fanout::detail
