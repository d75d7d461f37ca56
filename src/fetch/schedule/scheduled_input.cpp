#include "fetch/schedule/scheduled_input.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/url.hpp>
#include <fanout/process/codec.hpp>

#include <cereal/types/string.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/vector.hpp>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::size_t largest_payload = 8U << 20;

/// Empty where the exchange will find that it is no URL.
std::string host_of(const std::string& text) {
  for (const char* scheme : {"", "http://"}) {
    try {
      return http::url(scheme + text).host_and_port();
    } catch (const error&) {
      continue;
    }
  }
  return {};
}

std::string payload_of(const request& given) {
  std::string bytes;
  fanout::detail::wire_output archive(bytes);
  archive(given, given.extra);
  return bytes;
}

request request_of_payload(std::string_view payload, std::uint64_t index) {
  request made;
  fanout::detail::wire_input archive(payload);
  archive(made, made.extra);
  made.index = index;
  return made;
}

}  // namespace

scheduled_input::scheduled_input(request_input& source, host_scheduler_options how)
    : source_(source),
      hosts_(std::move(how)),
      handle_(epoll_create1(EPOLL_CLOEXEC)),
      changed_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (!handle_ || !changed_ || !timer_ || epoll_ctl(handle_.value(), EPOLL_CTL_ADD, changed_.value(), &readable) != 0 ||
      epoll_ctl(handle_.value(), EPOLL_CTL_ADD, timer_.value(), &readable) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make a source that is scheduled");
}

bool scheduled_input::ready() {
  const std::lock_guard lock(mutex_);
  return offer();
}

std::optional<request> scheduled_input::next() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (offer()) return std::exchange(offered_, std::nullopt);
    }
    pollfd waits{handle_.value(), POLLIN, 0};
    poll(&waits, 1, -1);
  }
}

void scheduled_input::done(std::uint64_t index, std::chrono::milliseconds pause) {
  const std::lock_guard lock(mutex_);
  const auto ended = in_flight_.find(index);
  if (ended == in_flight_.end()) return;
  // In this order: a host is forgotten when nothing of it is left.
  if (pause.count() > 0) hosts_.pause(ended->second.host, host_scheduler::clock::now() + pause);
  hosts_.done(ended->second);
  in_flight_.erase(ended);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(changed_.value(), &one, sizeof one);
}

/// Whether there is a request in `offered_`, or none will come. Otherwise the handle is readable when that may be.
bool scheduled_input::offer() {
  if (offered_) return true;
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(changed_.value(), &count, sizeof count);
  read_on();
  if (!without_host_.empty()) {
    offered_ = std::move(without_host_.front());
    without_host_.pop_front();
    return true;
  }
  host_scheduler::item taken;
  const auto step = hosts_.next(host_scheduler::clock::now(), taken);
  if (step.taken) {
    offered_ = request_of_payload(taken.payload, taken.index);
    taken.payload = std::string();
    in_flight_.insert_or_assign(taken.index, std::move(taken));
    return true;
  }
  if (ended_ && hosts_.statistics().queued == 0) return true;
  wait_until(step.until, source_waits_);
  return false;
}

void scheduled_input::read_on() {
  source_waits_ = false;
  while (!ended_ && without_host_.empty() && hosts_.wants_more()) {
    if (!source_.ready()) {
      source_waits_ = true;
      return;
    }
    std::optional<request> given = source_.next();
    if (given)
      add(*std::move(given));
    else
      ended_ = true;
  }
}

void scheduled_input::add(request given) {
  const std::string host = given.problem.empty() ? host_of(given.url) : std::string();
  if (!host.empty() && host.size() <= 255) {
    const std::string payload = payload_of(given);
    if (payload.size() <= largest_payload) return hosts_.add(host, payload, given.index);
    given.problem = "a request of more than 8 MiB cannot wait for the turn of its host";
  }
  without_host_.push_back(std::move(given));
}

void scheduled_input::wait_until(host_scheduler::clock::time_point when, bool for_source) {
  itimerspec at{};  // zero: never
  if (when != host_scheduler::clock::time_point::max()) {
    const auto since_epoch =
        std::max<std::int64_t>(1, std::chrono::nanoseconds(when.time_since_epoch()).count());  // steady is monotonic
    at.it_value.tv_sec = since_epoch / 1'000'000'000;
    at.it_value.tv_nsec = since_epoch % 1'000'000'000;
  }
  timerfd_settime(timer_.value(), TFD_TIMER_ABSTIME, &at, nullptr);
  if (for_source == source_watched_ || source_.handle() < 0) return;
  epoll_event readable{};
  readable.events = EPOLLIN;
  // It cannot be watched if it is a file, which is always ready.
  epoll_ctl(handle_.value(), for_source ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, source_.handle(), &readable);
  source_watched_ = for_source;
}

}  // namespace fanout::fetch
