#include <fanout/async/exception_group.hpp>
#include <fanout/base/failure.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace fanout {
namespace {

std::string message_of(const std::exception_ptr& failed) {
  try {
    std::rethrow_exception(failed);
  } catch (...) {
    return current_failure().message;
  }
}

std::string message_of(const std::vector<std::exception_ptr>& failures) {
  std::string text = std::to_string(failures.size()) + " failures:";
  for (std::size_t i = 0; i < failures.size(); ++i)
    text += " [" + std::to_string(i + 1) + "] " + message_of(failures[i]) + (i + 1 < failures.size() ? ";" : "");
  return text;
}

}  // namespace

exception_group::exception_group(std::vector<std::exception_ptr> failures)
    : std::runtime_error(message_of(failures)),
      failures_(std::make_shared<const std::vector<std::exception_ptr>>(std::move(failures))) {}

void throw_together(std::vector<std::exception_ptr> failures) {
  if (failures.empty()) return;
  if (failures.size() == 1) std::rethrow_exception(failures.front());
  throw exception_group(std::move(failures));
}

}  // namespace fanout
