#include <fanout/process/init.hpp>

#include "process/supervisor/spawn.hpp"
#include "process/supervisor/supervisor.hpp"
#include "process/worker/worker.hpp"

#include <cstdlib>

namespace fanout {

void init(int argc, char** argv) {
  if (argc > 0 && argv && argv[0]) detail::remember_program(argv[0]);
  detail::install_worker_backend(detail::worker_runner::instance());  // a task in a worker may start workers, too
  if (const auto parent = detail::started_as_worker(argc, argv)) std::exit(detail::run_worker(*parent));
}

}  // namespace fanout
