#include "http/io/notifier.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace fanout::http {

task<void> notifier::wait() {
  if (!notified_) {
    timer_.expires_at(clock::time_point::max());
    auto sleeping = timer_.async_wait(asio::as_tuple(asio::deferred));
    const auto [ended] = co_await std::move(sleeping);
    if (!notified_) throw boost::system::system_error(ended);
  }
  notified_ = false;
}

void notifier::notify() noexcept {
  if (!std::exchange(notified_, true)) timer_.cancel();
}

}  // namespace fanout::http
