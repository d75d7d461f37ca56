#include "http/loop/request_timer.hpp"

#include "http/loop/loop_state.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace fanout::http {

void request_timer::begin(const client_options& options) {
  limits_.begin(options, clock::now());
  expired_ = expiry::none;
}

void request_timer::end() noexcept {
  loop_.deadlines().disarm(*this);
  wait_ = {};
}

void request_timer::enter(phase what, wait_handle wait) {
  if (limits_.now_in() != what) {
    limits_.enter(what, clock::now());
    arm();
  }
  wait_ = wait;
}

void request_timer::enter_transfer(wait_handle wait) {
  // On a connection that was open the first hop begins when the request did: one reading of the clock less.
  limits_.enter(phase::transfer, limits_.now_in() == phase::none ? limits_.last_moved() : clock::now());
  wait_ = wait;
  wake_at_.reset();
  woke_ = wait_ended_ = false;
  arm();
}

void request_timer::wake_at(std::optional<clock::time_point> when) {
  wake_at_ = when;
  arm();
}

void request_timer::pause() noexcept {
  loop_.deadlines().disarm(*this);
}

void request_timer::go_on() {
  limits_.restart(clock::now());
  arm();
}

expiry request_timer::resumed(boost::system::error_code waited) {
  if (!loop_.owned_by_this_thread())
    throw std::logic_error(
        "an exchange of fanout::http began on one thread and was continued on another; "
        "give each thread an io_context of its own");
  if (expired_ != expiry::none) return expired_;
  if (!std::exchange(wait_ended_, false) && waited) throw boost::system::system_error(waited);
  return expiry::none;
}

void request_timer::arm() {
  loop_.deadlines().arm(*this, wake_at_ ? std::min(*wake_at_, limits_.next()) : limits_.next());
}

// Bytes that move do not move the deadline, they only note the time: so it may not have passed after all.
void request_timer::on_deadline() {
  expired_ = limits_.passed(clock::now());
  if (expired_ == expiry::none) {
    if (!wake_at_ || clock::now() < *wake_at_) return arm();
    wake_at_.reset();
    woke_ = wait_ended_ = true;
    arm();
  }
  wait_.end();
}

}  // namespace fanout::http
