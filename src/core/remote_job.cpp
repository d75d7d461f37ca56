#include <fanout/core/detail/remote_job.hpp>

#include <atomic>
#include <stdexcept>

namespace fanout::detail {
namespace {

std::atomic<worker_backend*> installed{nullptr};

}  // namespace

outcome_facts result_batch::copy_to(std::string& ends, encoded_values& values) const {
  const outcome_facts first = facts(0);
  values.append(values_, from_, from_ + count_);
  if (ends_.empty()) return first;
  ends.reserve(std::size_t{count_} * sizeof(std::uint32_t));
  for (std::uint32_t i = 0; i < count_; ++i) {
    const auto end = static_cast<std::uint32_t>((facts(i).finished - first.started).count());
    ends.append(reinterpret_cast<const char*>(&end), sizeof end);
  }
  return first;
}

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
