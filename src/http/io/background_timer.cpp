#include "http/io/background_timer.hpp"

#include <utility>

namespace fanout::http {

background_timer::background_timer(asio::io_context& loop, std::function<void()> action)
    : loop_(loop), action_(std::move(action)), timer_(loop.get_executor()), alive_(std::make_shared<bool>(true)) {}

background_timer::~background_timer() {
  *alive_ = false;
  clear();
}

// Asio counts each wait as work, and run() returns when there is none. This wait is taken out of the count as soon as
// it is in, and put back when its handler begins, because the count goes down once more when the handler has ended.
// Asio has no other way to say so; giving up the timer while nothing else is under way would need to know of everything
// else on the loop.
void background_timer::set(clock::time_point when) {
  when_ = when;
  timer_.expires_at(when);
  timer_.async_wait([this, executor = loop_.get_executor(), alive = alive_](boost::system::error_code failed) {
    executor.on_work_started();
    if (failed || !*alive) return;
    when_ = clock::time_point::max();
    action_();
  });
  loop_.get_executor().on_work_finished();
}

void background_timer::clear() {
  when_ = clock::time_point::max();
  timer_.cancel();
}

}  // namespace fanout::http
