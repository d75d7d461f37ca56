#pragma once

#include <fanout/compare/workload.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fanout::detail {

/// The workload that does the same `tasks` times: `function` of `input`, whose result is a number that says what was
/// done.
template <class Task, class Input>
workload equal_tasks(std::string name, std::string description, Task function, const Input& input,
                     std::uint64_t tasks) {
  return make_workload(std::move(name), std::move(description), std::move(function), std::vector<Input>(tasks, input),
                       [](std::uint64_t done) { return done; });
}

}  // namespace fanout::detail
