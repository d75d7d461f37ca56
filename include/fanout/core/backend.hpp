#pragma once

/// \file
/// Who runs the tasks of a run.
namespace fanout {

namespace detail {
class worker_backend;
}

/// Workers that exist already and run the tasks of a run, such as those of a `process_pool`: `process_pool::with` makes
/// one. It refers to them, so they must outlive the run. An empty one means workers of the run's own.
///
/// A plain value.
class backend {
 public:
  backend() = default;
  explicit backend(detail::worker_backend& workers) noexcept : workers_(&workers) {}

  explicit operator bool() const noexcept { return workers_ != nullptr; }

  /// Not for users.
  detail::worker_backend* workers() const noexcept { return workers_; }

 private:
  detail::worker_backend* workers_ = nullptr;
};

}  // namespace fanout
