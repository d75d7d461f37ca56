#include <fanout/async/debug.hpp>

#include "async/debugging/task_record.hpp"
#include "async/debugging/watchdog.hpp"

#include <utility>

namespace fanout {

void set_debug(debug_options options) {
  detail::task_registry::instance().set(std::move(options));
  detail::watchdog::instance().stop();  // the next turn of a watched task starts another
}

std::vector<task_state> dump_tasks() {
  return detail::task_registry::instance().dump();
}

}  // namespace fanout
