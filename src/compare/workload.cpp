#include <fanout/compare/workload.hpp>

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

// A sum, since outcomes arrive in any order; the index is part of it, so that results cannot change places.
void workload_sink::accept(const outcome_facts& facts, std::uint64_t digest) {
  so_far_.checksum += spread(spread(facts.index) ^ digest);
  if (so_far_.quickest.count() == 0 || facts.elapsed() < so_far_.quickest) so_far_.quickest = facts.elapsed();
}

void workload_sink::refuse(const outcome_facts& facts, failure why) {
  if (failures_++ > 0 && facts.index > failed_index_) return;
  failed_index_ = facts.index;
  so_far_.failure = std::string(to_string(why.kind)) + ": " + why.message;
}

workload_run workload_sink::finish(report cost) && {
  so_far_.cost = std::move(cost);
  so_far_.cost.failures = failures_;
  return std::move(so_far_);
}

}  // namespace fanout::detail
