#include "fetch/schedule/scheduled_input.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/url.hpp>

#include "fetch/schedule/request_payload.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <random>
#include <system_error>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::size_t largest_payload = 8U << 20;

/// Nothing where the exchange will find that it is no URL.
std::optional<http::url> url_of(const std::string& text) {
  for (const char* scheme : {"", "http://"}) {
    try {
      return http::url(scheme + text);
    } catch (const error&) {
      continue;
    }
  }
  return std::nullopt;
}

/// Random numbers of [0, 1) for the waits of retries.
std::function<double()> retry_chances() {
  return [generator = std::mt19937_64(std::random_device{}())]() mutable {
    return std::generate_canonical<double, 53>(generator);
  };
}

/// The request with a record that it has without being sent.
void decide(request& of, record final) {
  auto decided = std::make_shared<earlier_attempts>();
  of.problem = final.message;
  decided->last = std::move(final);
  decided->is_final = true;
  of.earlier = std::move(decided);
}

/// What it came to so far; of one that was never sent, that it was not.
record record_so_far(const request& of, failure_kind kind, std::string why) {
  record made;
  if (of.earlier) {
    made = of.earlier->last;
    made.elapsed_ns = (std::chrono::steady_clock::now() - of.earlier->begun).count();
    made.message += "; " + why;
  } else {
    made.error = kind;
    made.message = std::move(why);
  }
  return made;
}

void add_earlier(const record& earlier, record& to) {
  to.attempts += earlier.attempts;
  to.trace = earlier.trace.str() + to.trace.str();
  to.sent_heads = earlier.sent_heads.str() + to.sent_heads.str();
  to.heads = earlier.heads.str() + to.heads.str();
}

/// A host begins with as many as adaptive concurrency begins with.
schedule_rules adapted(schedule_rules how) {
  const auto first = host_limits::options{}.first_of_host;
  if (how.adaptive) how.hosts.per_host = how.hosts.per_host == 0 ? first : std::min(how.hosts.per_host, first);
  return how;
}

constexpr std::chrono::seconds between_words{10};
constexpr std::chrono::seconds shortest_to_tell{1};

}  // namespace

scheduled_input::scheduled_input(request_input& source, schedule_rules how, const http::client* with)
    : source_(source),
      how_(std::move(how)),
      hosts_(with_questions(adapted(how_))),
      handle_(epoll_create1(EPOLL_CLOEXEC)),
      changed_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (!handle_ || !changed_ || !timer_ || epoll_ctl(handle_.value(), EPOLL_CTL_ADD, changed_.value(), &readable) != 0 ||
      epoll_ctl(handle_.value(), EPOLL_CTL_ADD, timer_.value(), &readable) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make a source that is scheduled");
  if (how_.adaptive) {
    const auto most = how_.most_in_flight;
    const auto of_host = how_.hosts.per_host == 0 ? most : std::min(most, how_.hosts.per_host);
    limits_.emplace(host_limits::options{.most = most, .most_of_host = of_host});
    hosts_.limit_total(limits_->total());
  }
  if (asks_about_hosts(how_)) {
    host_scout::options asks;
    asks.addresses = how_.hosts.per_address > 0;
    asks.robots = !how_.robots_product.empty();
    asks.product = how_.robots_product;
    asks.user_agent = how_.robots_user_agent;
    asks.tries = 2 + std::min(how_.retry ? how_.retry->retries : 0, 3U);
    scout_.emplace(with ? *with : http::client::shared(), std::move(asks),
                   [this](host_scout::finding found) { take_finding(std::move(found)); });
  }
  if (how_.retry) policy_.emplace(*how_.retry, retry_chances());
}

bool scheduled_input::asks_about_hosts(const schedule_rules& how) {
  return how.hosts.per_address > 0 || !how.robots_product.empty();
}

/// The limits of hosts; each is asked about before its first request.
host_scheduler_options scheduled_input::with_questions(schedule_rules how) const {
  how.hosts.hold_new = asks_about_hosts(how);
  if (!how.robots_product.empty())
    how.hosts.costs_nothing = [this](std::string_view host, std::string_view payload) {
      return is_disallowed(host, request_of_payload(payload, 0).url);
    };
  return how.hosts;
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

bool scheduled_input::ended(const request& asked, record& result) {
  const std::lock_guard lock(mutex_);
  const bool decided = asked.earlier && asked.earlier->is_final;
  if (decided) result = asked.earlier->last;
  const auto found = in_flight_.find(asked.index);
  if (found == in_flight_.end()) return true;
  const started which = std::move(found->second);
  in_flight_.erase(found);
  signal();
  if (decided) {
    hosts_.done(which.what);
    return true;
  }
  const auto now = clock::now();
  if (!result.error) tail_begun_.reset();  // whoever answers is waited for
  note_end(which, result, now);
  // Before it is done: a host is forgotten when nothing of it is left.
  if (result.retry_after_ms > 0) hosts_.pause(which.what.host, now + std::chrono::milliseconds(result.retry_after_ms));
  if (asked.earlier) {
    add_earlier(asked.earlier->last, result);
    result.elapsed_ns = (now - asked.earlier->begun).count();
  }
  if (try_again(asked, result, which, now)) return false;
  hosts_.done(which.what);
  return true;
}

bool scheduled_input::try_again(const request& asked, const record& result, const started& which,
                                clock::time_point now) {
  if (!policy_) return false;
  auto attempts = std::make_shared<earlier_attempts>();
  attempts->count = asked.earlier ? asked.earlier->count + 1 : 1;
  attempts->begun = asked.earlier ? asked.earlier->begun : which.begun;
  attempt last{.host = which.what.host,
               .method = asked.method,
               .error = result.error,
               .status = result.status,
               .number = attempts->count,
               .begun = attempts->begun};
  if (result.retry_after_ms > 0) last.retry_after = std::chrono::milliseconds(result.retry_after_ms);
  const auto when = policy_->retry_at(last, now);
  if (!when || !result.unwritten.empty()) return false;
  if (tail_begun_ && how_.give_up_after && *when > *tail_begun_ + *how_.give_up_after) return false;
  request again = asked;
  attempts->last = result;
  attempts->last.body.reset();
  attempts->last.file.clear();
  again.earlier = std::move(attempts);
  const std::string payload = payload_of(again);
  if (payload.size() > largest_payload) return false;
  hosts_.retry(which.what, payload, *when);
  ++retried_;
  return true;
}

std::uint64_t scheduled_input::retried() const {
  const std::lock_guard lock(mutex_);
  return retried_;
}

/// True: of one it is known already, and it was released.
bool scheduled_input::ask_about_held() {
  bool released = false;
  for (std::string host; hosts_.take_held(host);) {
    if (held_for_mirrors_.contains(host)) continue;
    auto& known = known_[host];
    if (known.asked_now) continue;
    if (known.until > clock::now()) {
      take_up(host, known.found);
      released = true;
      continue;
    }
    known.asked_now = true;
    scout_->ask(host, known.origin.empty() ? "http://" + host : known.origin);
  }
  return released;
}

/// On the scout's thread.
void scheduled_input::take_finding(host_scout::finding found) {
  const std::lock_guard lock(mutex_);
  const std::string host = found.host;
  known_.keep(std::move(found), clock::now());
  take_up(host, known_[host].found);
  if (const auto waiting = waiting_for_.extract(host)) {
    for (const std::string& each : waiting.mapped()) {
      held_for_mirrors_.erase(each);
      hosts_.release(each);
    }
  }
  signal();
}

void scheduled_input::take_up(const std::string& host, const host_scout::finding& found) {
  if (const auto delay = found.robots ? found.robots->crawl_delay() : std::nullopt)
    hosts_.limit_host(host, limits_ ? limits_->of_host(host) : how_.hosts.per_host,
                      std::max<std::chrono::nanoseconds>(*delay, how_.hosts.host_delay));
  hosts_.release(host);
}

bool scheduled_input::is_disallowed(std::string_view host, std::string_view text) const {
  const auto* const known = known_.find(std::string(host));
  if (known == nullptr || !known->found.robots) return false;
  const auto page = url_of(std::string(text));
  return page && !known->found.robots->allows(page->target());
}

/// Takes away those that their robots.txt disallows. False: that of one is on its way, and the request was put back.
bool scheduled_input::mirrors_are_known(host_scheduler::item& taken, request& made) {
  bool all_known = true;
  std::erase_if(made.mirrors, [&](const std::string& mirror) {
    const auto page = url_of(mirror);
    if (!page) return false;  // whoever fetches it says what is wrong
    const std::string host = page->host_and_port();
    if (known_.find(host) != nullptr) return is_disallowed(host, mirror);
    known_hosts::known_host& known = known_[host];
    if (known.origin.empty()) known.origin = fmt::format("{}://{}", page->scheme(), host);
    if (!std::exchange(known.asked_now, true)) scout_->ask(host, known.origin);
    waiting_for_[host].push_back(taken.host);
    all_known = false;
    return false;
  });
  if (all_known) return true;
  held_for_mirrors_.insert(taken.host);
  hosts_.hold(taken.host);
  hosts_.put_back(taken);
  return false;
}

/// False: its address has no room, and it was put back.
bool scheduled_input::admitted(host_scheduler::item& taken, clock::time_point now) {
  const auto* const known = known_.find(taken.host);
  if (known == nullptr) {
    if (given_up_) return true;
    hosts_.hold(taken.host);  // it was forgotten
    hosts_.put_back(taken);
    return false;
  }
  if (known->until <= now && !known->asked_now) hosts_.hold(taken.host);  // what comes after this one waits for news
  const std::string& address = known->found.address;
  return how_.hosts.per_address == 0 || address.empty() || given_up_ || hosts_.admit(taken, address);
}

void scheduled_input::note_start(started& which) {
  const std::string& host = which.what.host;
  which.counted = limits_->started(host, which.what.host_in_flight, which.begun);
  if (!which.counted->host) return;
  if (which.what.first) hosts_.limit_host(host, limits_->of_host(host), std::chrono::nanoseconds(-1));
  if (const auto when = limits_->next_start(host); when > which.begun) hosts_.not_before(host, when);
}

void scheduled_input::note_end(const started& which, const record& result, clock::time_point now) {
  if (!which.counted) return;
  const std::string& host = which.what.host;
  const host_limits::result what{.answered = !result.error || *result.error == failure_kind::status,
                                 .refused = result.status == 429 || result.status == 503,
                                 .is_503 = result.status == 503,
                                 .retry_after = std::chrono::milliseconds(result.retry_after_ms)};
  limits_->ended(host, *which.counted, what, now);
  hosts_.limit_total(limits_->total());
  if (!which.counted->host && !what.refused) return;
  hosts_.limit_host(host, limits_->of_host(host), std::chrono::nanoseconds(-1));
  if (const auto when = limits_->next_start(host); when > now) hosts_.not_before(host, when);
}

std::uint32_t scheduled_input::in_flight_found() const {
  const std::lock_guard lock(mutex_);
  return limits_ ? limits_->total() : 0;
}

std::vector<host_limit> scheduled_input::limits_found(std::size_t most) const {
  const std::lock_guard lock(mutex_);
  return limits_ ? limits_->found(most) : std::vector<host_limit>();
}

void scheduled_input::signal() noexcept {
  if (std::exchange(signalled_, true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(changed_.value(), &one, sizeof one);
}

/// Whether there is a request in `offered_`, or none will come. Otherwise the handle is readable when that may be.
bool scheduled_input::offer() {
  if (offered_) return true;
  if (std::exchange(signalled_, false)) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(changed_.value(), &count, sizeof count);
  }
  read_on();
  if (!without_host_.empty()) {
    offered_ = std::move(without_host_.front());
    without_host_.pop_front();
    return true;
  }
  const auto now = clock::now();
  auto until = clock::time_point::max();
  if (scout_) ask_about_held();
  do {
    if (offer_next(now, until)) return true;
  } while (scout_ && ask_about_held());  // hosts that came to be known again just now
  const auto left = hosts_.statistics();
  if (ended_ && left.queued == 0 && (left.in_flight == 0 || !policy_)) return true;
  if (ended_ && left.in_flight == 0) {
    until = std::min(until, look_at_tail(now));
    if (given_up_ && offer_next(now, until)) return true;
  }
  wait_until(until, source_waits_);
  return false;
}

bool scheduled_input::offer_next(clock::time_point now, clock::time_point& until) {
  for (host_scheduler::item taken;;) {
    const auto step = hosts_.next(now, taken);
    if (!step.taken) {
      until = step.until;
      return false;
    }
    if (scout_ && !admitted(taken, now)) continue;
    request made = request_of_payload(taken.payload, taken.index);
    if (!sent_now(taken, made, now)) continue;
    const bool is_sent = !(made.earlier && made.earlier->is_final);
    if (is_sent && !made.mirrors.empty() && !how_.robots_product.empty() && !mirrors_are_known(taken, made)) continue;
    offered_ = std::move(made);
    taken.payload = std::string();
    const auto index = taken.index;
    started& which = in_flight_.insert_or_assign(index, started{std::move(taken), now, {}}).first->second;
    if (limits_ && !(offered_->earlier && offered_->earlier->is_final)) note_start(which);
    return true;
  }
}

/// False: it waits. What is not sent at all has its record, and takes its turn to it.
bool scheduled_input::sent_now(host_scheduler::item& taken, request& made, clock::time_point now) {
  if (given_up_) {
    decide(made, record_so_far(made, failure_kind::timeout,
                               fmt::format("given up after {} s, as {} was to be left alone for longer",
                                           how_.give_up_after->count() / 1'000.0, taken.host)));
    return true;
  }
  if (scout_ && is_disallowed(taken.host, made.url)) {
    const auto* const known = known_.find(taken.host);
    std::string why = known != nullptr && known->found.robots_failed
                          ? fmt::format("robots.txt of {} could not be read, so nothing may be fetched", taken.host)
                          : fmt::format("robots.txt of {} disallows it", taken.host);
    decide(made, record_so_far(made, failure_kind::refused_by_policy, std::move(why)));
    return true;
  }
  if (!policy_) return true;
  const auto turn = policy_->may_start(taken.host, now);
  switch (turn.what) {
    case retry_policy::decision::send:
      return true;
    case retry_policy::decision::wait:
      hosts_.pause(taken.host, turn.until);  // first, so that it is put back to those who wait
      hosts_.put_back(taken);
      return false;
    case retry_policy::decision::refuse:
      decide(made, record_so_far(made, turn.why,
                                 fmt::format("not sent, as no connection to {} could be made {} times in a row",
                                             taken.host, how_.retry->circuit_failures)));
      return true;
  }
  return true;
}

/// When something of it changes. There is something queued, and nothing under way.
scheduled_input::clock::time_point scheduled_input::look_at_tail(clock::time_point now) {
  const auto waiting = hosts_.paused(now);
  if (!waiting.all) return clock::time_point::max();  // some wait for their delay, and have their turn in time
  if (!tail_begun_) tail_begun_ = now;
  auto until = clock::time_point::max();
  if (how_.give_up_after) {
    until = *tail_begun_ + *how_.give_up_after;
    if (now >= until) {
      hosts_.stop_waiting();
      given_up_ = true;
      return until;
    }
  }
  if (!how_.on_wait) return until;
  const bool worth_it = waiting.latest - now >= shortest_to_tell;
  if (worth_it && (told_ == clock::time_point{} || now - told_ >= between_words)) {
    told_ = now;
    waiting_requests left{hosts_.statistics().queued, waiting.hosts, {}};
    left.latest = std::chrono::ceil<std::chrono::milliseconds>(waiting.latest - now);
    if (how_.give_up_after) left.given_up = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    how_.on_wait(left);
  }
  return std::min(until, std::max(told_, now) + between_words);
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
  const auto page = given.problem.empty() ? url_of(given.url) : std::nullopt;
  const std::string host = page ? page->host_and_port() : std::string();
  if (!host.empty() && host.size() <= 255) {
    const std::string payload = payload_of(given);
    if (payload.size() <= largest_payload) {
      hosts_.add(host, payload, given.index);
      if (scout_)
        if (auto& known = known_[host]; known.origin.empty())
          known.origin = fmt::format("{}://{}", page->scheme(), host);
      return;
    }
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
