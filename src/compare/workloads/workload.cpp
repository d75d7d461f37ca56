#include <fanout/compare/workload.hpp>

#include <algorithm>
#include <bit>

namespace fanout::detail {
namespace {

/// splitmix64's finaliser: spreads an index so that sums of products of it do not collide by accident.
std::uint64_t spread(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

std::size_t latency_histogram::bucket_of(std::uint64_t value) noexcept {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  if (width <= sub_bits) return value;
  const unsigned shift = width - sub_bits - 1;
  return (static_cast<std::size_t>(shift + 1) << sub_bits) + ((value >> shift) & ((1U << sub_bits) - 1));
}

std::uint64_t latency_histogram::top_of(std::size_t bucket) noexcept {
  const std::size_t row = bucket >> sub_bits;
  if (row == 0) return bucket;
  const std::uint64_t first = (1U << sub_bits) + (bucket & ((1U << sub_bits) - 1));
  return ((first + 1) << (row - 1)) - 1;
}

void latency_histogram::add(std::chrono::nanoseconds taken) noexcept {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(taken.count(), 0));
  ++counts_[bucket_of(value)];
  ++total_;
  most_ = std::max(most_, value);
}

std::chrono::nanoseconds latency_histogram::at(std::uint64_t rank) const noexcept {
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    passed += counts_[i];
    if (passed >= rank) return std::chrono::nanoseconds(std::min(top_of(i), most_));
  }
  return std::chrono::nanoseconds(most_);
}

latency_percentiles latency_histogram::percentiles() const noexcept {
  const auto rank = [this](std::uint64_t hundredths) { return (total_ * hundredths + 99) / 100; };
  if (total_ == 0) return {};
  return {at(rank(50)), at(rank(90)), at(rank(99)), std::chrono::nanoseconds(most_)};
}

void workload_sink::look_at(const outcome_facts& facts) noexcept {
  if (!first_start_ || facts.started < *first_start_) first_start_ = facts.started;
}

// A sum, since outcomes arrive in any order; the index is part of it, so that results cannot change places.
void workload_sink::accept(const outcome_facts& facts, std::uint64_t digest) {
  look_at(facts);
  latencies_.add(facts.elapsed());
  if (so_far_.taken.size() <= facts.index) {
    so_far_.taken.resize(facts.index + 1);
    so_far_.computed.resize(facts.index + 1, std::chrono::nanoseconds(-1));
  }
  so_far_.taken[facts.index] = facts.elapsed();
  so_far_.computed[facts.index] = facts.cpu;
  so_far_.checksum += spread(spread(facts.index) ^ digest);
  if (so_far_.quickest.count() == 0 || facts.elapsed() < so_far_.quickest) so_far_.quickest = facts.elapsed();
}

void workload_sink::refuse(const outcome_facts& facts, failure why) {
  look_at(facts);
  if (failures_++ > 0 && facts.index > failed_index_) return;
  failed_index_ = facts.index;
  so_far_.failure = std::string(to_string(why.kind)) + ": " + why.message;
}

workload_run workload_sink::finish(report cost) && {
  so_far_.cost = std::move(cost);
  so_far_.cost.failures = failures_;
  so_far_.begun = begun_;
  if (first_start_) so_far_.startup = std::max(*first_start_ - begun_, std::chrono::steady_clock::duration{0});
  so_far_.latency = latencies_.percentiles();
  return std::move(so_far_);
}

}  // namespace fanout::detail
