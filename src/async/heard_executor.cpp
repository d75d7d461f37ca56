#include <fanout/async/heard_executor.hpp>
#include <fanout/async/observation.hpp>

namespace fanout::detail {

const asio::any_io_executor* watched_by(const asio::any_io_executor& executor) noexcept {
  if (const auto* const heard = executor.target<heard_executor>()) return &heard->inner();
  if (const auto* const observed = executor.target<observed_executor>()) return &observed->inner();
  return nullptr;
}

}  // namespace fanout::detail
