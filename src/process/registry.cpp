#include <fanout/process/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace fanout::detail {
namespace {

std::vector<remote_entry>& entries() {
  static std::vector<remote_entry> all;
  return all;
}

}  // namespace

bool register_remote(const remote_entry& entry) {
  entries().push_back(entry);
  return true;
}

const remote_entry& find_remote(std::string_view name) {
  const auto named = [&](const remote_entry& entry) { return entry.name == name; };
  const auto found = std::find_if(entries().begin(), entries().end(), named);
  if (found == entries().end()) throw std::logic_error(fmt::format("this program has no remote function {}", name));
  if (std::find_if(found + 1, entries().end(), named) != entries().end())
    throw std::logic_error(
        fmt::format("two remote functions are both {}: give them different names or namespaces", name));
  return *found;
}

}  // namespace fanout::detail
