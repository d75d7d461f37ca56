#include "core/lanes.hpp"

#include <fanout/async/detail/running_loop.hpp>
#include <fanout/async/sleep.hpp>
#include <fanout/base/detail/wait_handle.hpp>
#include <fanout/base/saturated_time.hpp>
#include <fanout/core/detail/lanes.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <utility>

namespace fanout::detail {

namespace {

/// Ends the wait that a pull has begun.
class booked_wait {
 public:
  explicit booked_wait(run_control& control) : control_(control) {}
  booked_wait(const booked_wait&) = delete;
  booked_wait& operator=(const booked_wait&) = delete;
  ~booked_wait() { control_.end_wait(); }

 private:
  run_control& control_;
};

/// Says for its lifetime that a slot watches the source.
class watch_mark {
 public:
  explicit watch_mark(bool& watched) : watched_(watched) { watched_ = true; }
  watch_mark(const watch_mark&) = delete;
  watch_mark& operator=(const watch_mark&) = delete;
  ~watch_mark() { watched_ = false; }

 private:
  bool& watched_;
};

}  // namespace

// slot --------------------------------------------------------------------------------------------------------------

void lane_slot::begin(std::chrono::steady_clock::time_point started, std::chrono::nanoseconds limit) {
  busy_ = true;
  started_ = resumed_ = started;
  if (alone_) cpu_.start(started);
  home_.began(*this);
  turn_ = home_.probing() ? home_.mark_turn() : not_marked;
  if (limit.count() > 0) home_.deadlines().arm(*this, after(started, limit));
}

std::chrono::nanoseconds lane_slot::end(std::chrono::steady_clock::time_point finished) {
  busy_ = false;
  if (armed()) home_.deadlines().disarm(*this);
  if (depth_ > 0) add_held(resumed_, finished);
  return alone_ ? cpu_.stop(started_, finished) : std::chrono::nanoseconds(-1);
}

void lane_slot::resumed() noexcept {
  if (depth_++ == 0) resumed_ = std::chrono::steady_clock::now();
}

void lane_slot::suspended() noexcept {
  if (--depth_ == 0 && busy_) add_held(resumed_, std::chrono::steady_clock::now());
}

void lane_slot::add_held(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  constexpr std::chrono::microseconds too_short_to_see{20};
  constexpr std::size_t most = 64;
  if (!held_.empty() && (from - held_.back().to < too_short_to_see || held_.size() == most))
    held_.back().to = to;
  else
    held_.push_back({from, to});
}

// Every other task of this loop waits for a task that computes. A task that suspended gave the others their turn, but
// that cannot be seen for free; if others began in the meantime it did, and if not, one turn more for each millisecond
// costs nothing that counts. A slot whose task was cancelled has to reset its state before it can wait for anything.
bool lane_slot::held(std::chrono::nanoseconds elapsed) noexcept {
  constexpr std::chrono::milliseconds long_turn{1};
  home_.tell_probe(started_ + elapsed, elapsed, turn_ != not_marked && home_.turn() == turn_);
  return elapsed >= long_turn && home_.began_last(*this) && !cancelled_;
}

void lane_slot::cancel() {
  cancelled_ = true;
  signal_.emit(asio::cancellation_type::terminal);
}

void lane_slot::on_deadline() {
  if (!busy_) return;
  timed_out_ = true;
  cancel();
}

// Every slot is one of these.
void slot::begin_task(std::chrono::steady_clock::time_point started, std::chrono::nanoseconds limit) {
  static_cast<lane_slot&>(*this).begin(started, limit);
}
std::chrono::nanoseconds slot::end_task(std::chrono::steady_clock::time_point finished) {
  return static_cast<lane_slot&>(*this).end(finished);
}
bool slot::held_loop(std::chrono::nanoseconds elapsed) noexcept {
  return static_cast<lane_slot&>(*this).held(elapsed);
}
void slot::took_item() {
  static_cast<lane_slot&>(*this).home_.ask_for_next();
}
bool slot::is_surplus() const noexcept {
  return static_cast<const lane_slot&>(*this).home_.has_surplus();
}
task<void> slot::give_way() {
  return yield();
}
task<void> slot::wait_for_source() {
  return static_cast<lane_slot&>(*this).home_.wait_for_source();
}

task<void> lane_work::run_slot(slot&) {
  throw std::logic_error("a blocking task has no use for an event loop");
}

// lane --------------------------------------------------------------------------------------------------------------

lane::lane(lane_set& set, std::uint32_t number, std::uint32_t slots)
    : set_(set), number_(number), limit_(slots), deadlines_(loop_), interrupt_(loop_, set.control()) {}

run_control& lane::control() noexcept {
  return set_.control();
}

probe* lane::probing() noexcept {
  probe* const watching = set_.probing();
  return watching && watching->measuring() ? watching : nullptr;
}

std::uint64_t lane::mark_turn() {
  if (std::exchange(turn_marked_, true)) return turn_;
  set_.probing()->marked(number_);
  asio::post(loop_, [this] {
    turn_marked_ = false;
    ++turn_;
    set_.probing()->turned(number_);
  });
  return turn_;
}

// What the probe decides may start threads, which can fail.
void lane::tell_probe(std::chrono::steady_clock::time_point now, std::chrono::nanoseconds elapsed, bool held) noexcept {
  try {
    if (probe* const measuring = probing())
      measuring->saw(number_, elapsed, held);
    else if (number_ == 0 && set_.probing())
      set_.probing()->ended_one(now);
  } catch (...) {
    control().break_off(std::current_exception());
  }
}

bool lane::has_surplus() const noexcept {
  return open_ > limit_ || set_.leaving();
}

void lane::run() {
  const running_loop here;
  const run_control::observer watch(control(), [this] { asio::post(loop_, [this] { on_change(); }); });
  // On the loop, where co_spawn starts a coroutine at once: one that is cancelled before it starts makes Asio throw out
  // of loop_.run() and forget the coroutine's end.
  asio::post(loop_, [this] {
    open_slot();
    if (open_ == 0) return;
    interrupt_.start();  // what is started here is stopped when the last slot closes
    if (number_ == 0) set_.started_first_lane(*this, loop_);
  });
  loop_.run();
}

void lane::open_slot() {
  if (slots_.size() >= limit_ || !control().pulling() || set_.leaving()) return;
  lane_slot& place = slots_.emplace_back(*this, number_, limit_ == 1);
  ++open_;
  asio::any_io_executor executor = loop_.get_executor();
  if (control().options().timeline) executor = listened_executor(std::move(executor), listener_watch(place));
  asio::co_spawn(executor, set_.work().run_slot(place),
                 asio::bind_cancellation_slot(place.cancellation(), [this](std::exception_ptr failed) {
                   if (failed && !control().aborted()) control().break_off(failed);
                   --open_;
                   on_slot_closed();
                 }));
}

void lane::ask_for_next() {
  if (!parked_.empty()) return unpark_one();
  if (opening_ || slots_.size() >= limit_) return;
  opening_ = true;
  asio::post(loop_, [this] {  // opened here, the slots would be nested as deep as there are many of them
    opening_ = false;
    open_slot();
  });
}

void lane::on_slot_closed() {
  if (!watched_) unpark_one();  // it may have been the one that was to watch
  if (when_shrunk_ && !has_surplus()) std::exchange(when_shrunk_, nullptr)();
  if (open_ > 0) return;
  source_.reset();
  interrupt_.stop();
  if (number_ == 0) set_.ended_first_lane();
}

void lane::shrink(std::uint32_t slots, std::function<void()> done) {
  limit_ = slots;
  if (!has_surplus()) return done();
  when_shrunk_ = std::move(done);
  unpark_all();  // idle slots can close now
  if (source_) source_->cancel();
}

void lane::on_change() {
  if (source_) source_->cancel();
  if (!control().pulling() || set_.leaving()) unpark_all();
  if (control().aborted())
    for (lane_slot& place : slots_) place.cancel();
}

task<void> lane::wait_for_source() {
  if (watched_) {
    control().end_wait();
    task<void> turn = park();
    co_await std::move(turn);
    co_return;
  }
  const booked_wait booked(control());
  const watch_mark watching(watched_);
  if (!source_) open_wait_handle(source_, loop_, set_.work().source_handle());
  if (!control().pulling() || set_.leaving()) co_return;
  boost::system::error_code ended;  // whatever it says, the source is asked next
  auto wait =
      source_->async_wait(asio::posix::descriptor_base::wait_read, asio::redirect_error(asio::use_awaitable, ended));
  co_await std::move(wait);
}

task<void> lane::park() {
  auto turn = asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [this](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        parked_.emplace_back([shared] { asio::post(std::move(*shared)); });
      },
      asio::use_awaitable);
  co_await std::move(turn);
}

void lane::unpark_one() {
  if (parked_.empty()) return;
  const auto resume = std::move(parked_.back());
  parked_.pop_back();
  resume();
}

void lane::unpark_all() {
  while (!parked_.empty()) unpark_one();
}

// lane_set ----------------------------------------------------------------------------------------------------------

lane_set::lane_set(run_control& control, lane_work& work, const fanout::shape& ran, bool coroutine)
    : control_(control), work_(work), shape_(ran), coroutine_(coroutine) {}

void lane_set::run() {
  if (shape_.model == model::automatic) {
    probe_.emplace(*this, shape_, coroutine_);
    shape_ = probe_->first_shape();
  }
  try {
    grow(shape_);
    run_lane(0, shape_.slots(0));
  } catch (...) {
    control_.break_off(std::current_exception());
  }
  for (;;) {  // a lane that is still running may add lanes
    std::vector<std::jthread> running;
    {
      const std::lock_guard lock(mutex_);
      running.swap(threads_);
    }
    if (running.empty()) return;
  }
}

void lane_set::grow(const fanout::shape& wanted) {
  const std::lock_guard lock(mutex_);
  const fanout::shape target = wanted;  // which may be this set's own, and changes here
  shape_ = target;
  for (; lanes_ < target.threads; ++lanes_)
    if (!start_lane(lanes_, target.slots(lanes_))) return settle_for_started(target);
}

/// False where the system has no thread for it.
bool lane_set::start_lane(std::uint32_t number, std::uint32_t slots) {
  try {
    threads_.emplace_back([this, number, slots] {
      try {
        run_lane(number, slots);
      } catch (...) {
        control_.break_off(std::current_exception());
      }
    });
    return true;
  } catch (const std::system_error& refused) {
    if (refused.code() != std::errc::resource_unavailable_try_again) throw;
    return false;
  }
}

/// The lanes there are do the work, as worker processes do where no more can be started: the calling thread is one.
void lane_set::settle_for_started(const fanout::shape& target) {
  shape_.threads = lanes_;
  shape_.tasks = 0;
  for (std::uint32_t each = 0; each < lanes_; ++each) shape_.tasks += target.slots(each);
}

void lane_set::leave(const fanout::shape& next) {
  next_ = next;
  leaving_.store(true, std::memory_order_relaxed);  // next_ is read after the lanes were joined
  control_.wake_waiting();
}

void lane_set::run_lane(std::uint32_t number, std::uint32_t slots) {
  if (!coroutine_) return run_blocking(number);
  lane self(*this, number, slots);
  self.run();
}

void lane_set::run_blocking(std::uint32_t number) {
  cpu_stopwatch cpu;
  std::array<pollfd, 3> waited{};
  while (!leaving()) {
    switch (work_.run_one(number, cpu)) {
      case pull_status::item:
        if (probe_) probe_->look(number);
        break;
      case pull_status::end:
        return;
      case pull_status::not_ready: {
        const booked_wait booked(control_);
        waited[0] = {work_.source_handle(), POLLIN, 0};
        waited[1] = {control_.wake_handle(), POLLIN, 0};
        waited[2] = {control_.more_handle(), POLLIN, 0};
        poll(waited.data(), waited.size(), -1);  // interrupted or not, the source is asked next
        std::uint64_t taken = 0;
        if (waited[2].revents) [[maybe_unused]]
          const auto got = read(control_.more_handle(), &taken, sizeof taken);
      }
    }
  }
}

void lane_set::started_first_lane(lane& first, asio::io_context& loop) {
  first_ = &first;
  if (probe_) probe_->watch(loop);
}

void lane_set::ended_first_lane() {
  if (probe_) probe_->unwatch();
}

void lane_set::shrink_first(std::uint32_t slots, std::function<void()> done) {
  first_->shrink(slots, std::move(done));
}

fanout::shape lane_set::shape() const {
  return shape_;
}
std::string lane_set::choice() const {
  return probe_ ? probe_->choice() : std::string();
}

fanout::shape run_lanes(run_control& control, lane_work& work, const fanout::shape& ran, bool coroutine,
                        std::string& choice, std::optional<fanout::shape>* next) {
  lane_set lanes(control, work, ran, coroutine);
  lanes.run();
  choice = lanes.choice();
  if (next) *next = lanes.next();
  return lanes.shape();
}

}  // namespace fanout::detail
