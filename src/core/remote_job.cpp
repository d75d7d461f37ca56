#include <fanout/core/remote_job.hpp>

#include <atomic>
#include <stdexcept>

namespace fanout::detail {
namespace {

std::atomic<worker_backend*> installed{nullptr};

}  // namespace

void install_worker_backend(worker_backend& backend) noexcept {
  installed.store(&backend, std::memory_order_release);
}

bool worker_backend_installed() noexcept {
  return installed.load(std::memory_order_acquire) != nullptr;
}

worker_backend& installed_worker_backend() {
  worker_backend* const backend = installed.load(std::memory_order_acquire);
  if (!backend)
    throw std::logic_error(
        "a shape with worker processes needs fanout::init(argc, argv) at the start of main: "
        "workers are this program, started again, and init is where they branch off");
  return *backend;
}

}  // namespace fanout::detail
