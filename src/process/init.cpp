#include <fanout/process/init.hpp>

#include "process/channel/build_identity.hpp"
#include "process/supervisor/spawn.hpp"
#include "process/supervisor/supervisor.hpp"
#include "process/worker/worker.hpp"

#include <cstdlib>
#include <stdexcept>

namespace fanout {

void init(int argc, char** argv) {
  if (argc > 0 && argv && argv[0]) detail::remember_program(argv[0]);
  detail::install_worker_backend(detail::worker_runner::instance());  // a task in a worker may start workers, too
  if (const auto parent = detail::started_as_worker(argc, argv)) std::exit(detail::run_worker(*parent));
}

std::optional<int> serve_worker(std::string_view argument) {
  detail::install_worker_backend(detail::worker_runner::instance());
  const auto parent = detail::parent_in(argument);
  if (!parent) return std::nullopt;
  return detail::run_worker(*parent);
}

void identify_build_by(const void* address) {
  const auto build = detail::build_at(address);
  if (!build) throw std::invalid_argument("a build can be told by the address of a loaded object that has a build id");
  detail::set_own_build(*build);
}

}  // namespace fanout
