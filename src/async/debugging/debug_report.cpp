#include <fanout/async/debug_report.hpp>
#include <fanout/base/failure.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <source_location>
#include <string>

namespace fanout {
namespace {

std::string place_of(const std::source_location& where) {
  return where.line() ? fmt::format(" (spawned at {}:{})", where.file_name(), where.line()) : std::string();
}

std::string reason_of(const std::exception_ptr& failed) {
  try {
    std::rethrow_exception(failed);
  } catch (...) {
    return current_failure().message;
  }
}

}  // namespace

std::string debug_report::text() const {
  std::string whose = task + place_of(spawned_at);
  switch (what) {
    case kind::stalling:
      return fmt::format("{} has been holding its loop for {:.1f} ms", whose,
                         std::chrono::duration<double, std::milli>(held).count());
    case kind::stalled:
      return fmt::format("{} held its loop for {:.1f} ms", whose,
                         std::chrono::duration<double, std::milli>(held).count());
    case kind::failure_unobserved:
      return fmt::format("{} failed, and its failure reached nobody: {}", whose, reason_of(failure));
    case kind::destroyed_pending:
      return fmt::format("{} was destroyed before it had ended", whose);
  }
  return whose;
}

std::string to_string(const std::vector<task_state>& tasks) {
  std::multimap<std::uint64_t, const task_state*> children;
  for (const task_state& each : tasks) children.emplace(each.parent, &each);
  std::string text;
  const auto print = [&](const auto& self, std::uint64_t parent, std::size_t depth) -> void {
    const auto [first, last] = children.equal_range(parent);
    for (auto each = first; each != last; ++each) {
      const task_state& state = *each->second;
      const std::string waits = state.waiting_for.empty() ? std::string() : ", waits for " + state.waiting_for;
      text += std::string(2 * depth, ' ') + state.name + place_of(state.spawned_at) + waits + '\n';
      self(self, state.id, depth + 1);
    }
  };
  print(print, 0, 0);
  return text;
}

}  // namespace fanout
