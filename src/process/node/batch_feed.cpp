#include "process/node/batch_feed.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace fanout::detail {

batch_feed::batch_feed() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "cannot start a run");
}

void batch_feed::announce() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_.value(), &one, sizeof one);  // fails only when it is readable
}

void batch_feed::add(std::shared_ptr<const std::string> message, std::uint64_t first_index,
                     const encoded_view& inputs) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  batches_.push_back({std::move(message), first_index, inputs, 0});
  if (batches_.size() == 1) announce();
}

void batch_feed::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  announce();
}

bool batch_feed::ready() {
  const std::lock_guard lock(mutex_);
  return finished_ || !batches_.empty();
}

std::optional<fed_input> batch_feed::next() {
  std::unique_lock lock(mutex_);
  while (batches_.empty() && !finished_) {  // a caller that has not asked whether it is ready
    lock.unlock();
    pollfd waited{wake_.value(), POLLIN, 0};
    poll(&waited, 1, -1);
    lock.lock();
  }
  if (batches_.empty()) return std::nullopt;
  batch& front = batches_.front();
  fed_input taken{front.message, front.inputs[front.taken], front.first_index + front.taken};
  if (++front.taken == front.inputs.count()) {
    batches_.pop_front();
    std::uint64_t announced = 0;
    if (batches_.empty() && !finished_) [[maybe_unused]]
      const auto got = read(wake_.value(), &announced, sizeof announced);
  }
  return taken;
}

}  // namespace fanout::detail
