#include <fanout/async/detail/instrumented_executor.hpp>
#include <fanout/async/detail/observation.hpp>

namespace fanout::detail {

const asio::any_io_executor* watched_by(const asio::any_io_executor& executor) noexcept {
  if (const auto* const heard = executor.target<instrumented_executor>()) return &heard->inner();
  if (const auto* const observed = executor.target<observed_executor>()) return &observed->inner();
  return nullptr;
}

}  // namespace fanout::detail
