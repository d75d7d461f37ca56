#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace fanout_test {

/// A server of a test's own and the requests to it, on a clock that jumps from event to event.
///
/// It serves so many requests at a time, first come, first served; the others wait. `service_s(random, present)` is how
/// long one takes, with so many present; `refuses` says that it is answered with 429 instead.
class simulated_server {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  struct answer {
    std::size_t request = 0;
    bool refused = false;
  };

  explicit simulated_server(std::uint64_t seed) : random(seed) {}

  std::size_t places = 1'000'000;
  std::function<double(std::mt19937_64&, std::size_t)> service_s;
  std::function<bool(time_point)> refuses = [](time_point) { return false; };
  std::mt19937_64 random;

  void arrive(std::size_t request, time_point now) {
    ++present_;
    if (refuses(now)) {
      events_.push({now + std::chrono::milliseconds(5), order_++, {request, true}});
      return;
    }
    waiting_.push(request);
    serve(now);
  }

  bool idle() const { return events_.empty(); }
  time_point next() const { return events_.top().at; }
  /// The next answer, at `next()`.
  answer take() {
    const event done = events_.top();
    events_.pop();
    --present_;
    if (!done.what.refused) --serving_;
    serve(done.at);
    return done.what;
  }

 private:
  struct event {
    time_point at;
    std::uint64_t order;
    answer what;
    bool operator<(const event& other) const { return std::pair(other.at, other.order) < std::pair(at, order); }
  };

  void serve(time_point now) {
    while (!waiting_.empty() && serving_ < places) {
      const auto took = std::chrono::duration<double>(service_s(random, present_));
      events_.push(
          {now + std::chrono::duration_cast<std::chrono::nanoseconds>(took), order_++, {waiting_.front(), false}});
      waiting_.pop();
      ++serving_;
    }
  }

  std::priority_queue<event> events_;
  std::queue<std::size_t> waiting_;
  std::size_t serving_ = 0;
  std::size_t present_ = 0;
  std::uint64_t order_ = 0;
};

}  // namespace fanout_test
