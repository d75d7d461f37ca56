#include <fanout/process/init.hpp>

#include "process/spawn.hpp"
#include "process/worker.hpp"
#include "process/worker_runner.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace fanout {

void init(int argc, char** argv) {
  if (argc > 0) detail::remember_program(argv[0]);
  detail::install_worker_backend(detail::worker_runner::instance());  // a task in a worker may start workers, too
  const std::string_view marker = detail::worker_argument;
  if (argc == 2) {
    const std::string_view argument = argv[1];
    int parent = 0;
    if (argument.starts_with(marker) &&
        std::from_chars(argument.data() + marker.size(), argument.data() + argument.size(), parent).ec == std::errc{})
      std::exit(detail::run_worker(parent));
  }
}

}  // namespace fanout
