#include <fanout/async/detail/wait_queue.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/system/system_error.hpp>

#include <thread>

namespace fanout::detail {

namespace {

struct of_loop;
using membership_hook = boost::intrusive::list_base_hook<boost::intrusive::tag<of_loop>>;

[[noreturn]] void throw_aborted() {
  throw boost::system::system_error(asio::error::operation_aborted);
}

}  // namespace

/// Coroutines of one context in one waitable.
struct membership : membership_hook {
  std::shared_ptr<loop_waits> loop;
  std::weak_ptr<waitable> queue;
  loop_list waiters;  ///< guarded by the waitable's mutex
};

/// Where the coroutines of one context wait. Asio destroys the operations of its own services when a context ends; this
/// does so for the coroutines in our lines, of which the context knows nothing.
///
/// Locks: a waitable's mutex may be held when this one's is taken, never the other way round.
class loop_waits {
 public:
  using memberships = boost::intrusive::list<membership, boost::intrusive::base_hook<membership_hook>>;

  explicit loop_waits(asio::execution_context& context) noexcept : context_(context) {}
  loop_waits(const loop_waits&) = delete;
  loop_waits& operator=(const loop_waits&) = delete;

  bool of(const asio::execution_context& context) const noexcept { return &context_ == &context; }

  void join(membership& queue) {
    const std::lock_guard lock(mutex_);
    memberships_.push_back(queue);
  }
  void leave(membership& queue) noexcept {
    const std::lock_guard lock(mutex_);
    if (queue.is_linked()) memberships_.erase(memberships_.iterator_to(queue));
  }

  /// While a post is under way, the context must not end.
  void post_begins() noexcept { posts_.fetch_add(1, std::memory_order_relaxed); }  // ordered by the waitable's mutex
  void post_ended() noexcept { posts_.fetch_sub(1, std::memory_order_release); }

  void shut_down() noexcept {
    while (const auto queue = next()) queue->loop_ended(*this);
    while (posts_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  }

  static void drop(coroutine_waiter& parked) noexcept { parked.parked_.drop(); }

 private:
  /// Some waitable that is not being destroyed; null after the last one.
  std::shared_ptr<waitable> next() {
    const std::lock_guard lock(mutex_);
    while (!memberships_.empty()) {
      membership& first = memberships_.front();
      memberships_.pop_front();
      if (auto queue = first.queue.lock()) return queue;
    }
    return nullptr;
  }

  asio::execution_context& context_;
  std::mutex mutex_;
  memberships memberships_;
  std::atomic<int> posts_ = 0;
};

namespace {

/// Learns of the end of a context before the context's own queue of handlers is gone.
class loop_service final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;

  explicit loop_service(asio::execution_context& context)
      : service(context), waits_(std::make_shared<loop_waits>(context)) {}

  const std::shared_ptr<loop_waits>& waits() const noexcept { return waits_; }

 private:
  void shutdown() override { waits_->shut_down(); }

  std::shared_ptr<loop_waits> waits_;
};

}  // namespace

// --- waiters

wait_outcome waiter::finish() noexcept {
  enlisted_ = false;
  return outcome_;
}

void waiter::withdraw() noexcept {
  woken resumed;
  const std::lock_guard lock(queue_.mutex_);
  if (queued())
    queue_.leave_line(*this);
  else if (outcome_ == wait_outcome::granted)
    queue_.take_back(*this, resumed);
}

void woken::resume_all() noexcept {
  while (first_) {
    waiter& next = *first_;
    first_ = next.next_resumed_;  // it may be gone when it was resumed
    next.resume();
  }
}

bool coroutine_waiter::expect_granted() {
  const wait_outcome outcome = finish();
  if (outcome == wait_outcome::aborted) throw_aborted();
  return outcome == wait_outcome::granted;
}

// A grant may come before the coroutine is suspended. The later of the two posts the wake-up.
void coroutine_waiter::became_armed() noexcept {
  state expected = enlisted;
  if (!state_.compare_exchange_strong(expected, armed, std::memory_order_acq_rel)) post();
}

void coroutine_waiter::join() {
  membership& loop = queue_.membership_of(asio::query(executor_, asio::execution::context));
  loop_ = loop.loop.get();
  loop.waiters.push_back(*this);
}

bool coroutine_waiter::settle() noexcept {
  const bool ready = state_.exchange(settled, std::memory_order_acq_rel) == armed;
  if (ready) loop_->post_begins();
  return ready;
}

void coroutine_waiter::resume() noexcept {
  loop_waits& loop = *loop_;  // this may be gone when the post returns
  post();
  loop.post_ended();
}

// Through the concrete type a post is one allocation and no virtual call; it is what nearly all coroutines run on. This
// and its executor may be gone before the call returns, so what is called is a copy. The one that `require` makes
// shares nothing with the coroutine's, whose last reference is then given up by the coroutine.
void coroutine_waiter::post() noexcept {
  if (const auto* const loop = executor_.target<asio::io_context::executor_type>()) {
    const asio::io_context::executor_type concrete = *loop;
    asio::post(concrete, parked_turn(parked_));
  } else {
    const asio::any_io_executor never_inline = asio::require(executor_, asio::execution::blocking.never);
    never_inline.execute(parked_turn(parked_));
  }
}

void coroutine_waiter::cancel() noexcept {
  woken resumed;
  const std::lock_guard lock(queue_.mutex_);
  if (queued()) {
    queue_.leave_line(*this);
    queue_.settle(*this, wait_outcome::aborted, resumed);
  } else if (outcome_ == wait_outcome::granted && queue_.take_back(*this, resumed)) {
    outcome_ = wait_outcome::aborted;
  }
}

// `settle` holds the lock to its end: once this thread has the lock, this may be destroyed.
wait_outcome thread_waiter::wait() {
  settled_.wait(0, std::memory_order_relaxed);
  const std::lock_guard lock(queue_.mutex_);
  return finish();
}

void thread_waiter::join() {
  queue_.threads_.push_back(*this);
}

// Relaxed: it is the lock that orders.
bool thread_waiter::settle() noexcept {
  settled_.store(1, std::memory_order_relaxed);
  settled_.notify_one();
  return false;
}

// --- waitable

waitable::waitable() = default;

waitable::~waitable() {
  for (membership& loop : loops_) loop.loop->leave(loop);
}

void waitable::enlist(waiter& last, wait_list& line) {
  if (abandoned_) throw_aborted();
  last.join();
  line.push_back(last);
  last.enlisted_ = true;
}

void waitable::settle(waiter& served, wait_outcome outcome, woken& resumed) noexcept {
  served.wait_hook<in_line>::unlink();
  served.wait_hook<on_loop>::unlink();
  served.outcome_ = outcome;
  if (served.settle()) resumed.push(served);
}

void waitable::settle_all(wait_list& line, wait_outcome outcome, woken& resumed) noexcept {
  while (!line.empty()) settle(line.front(), outcome, resumed);
}

void waitable::leave_line(waiter& leaving) noexcept {
  leaving.wait_hook<in_line>::unlink();
  leaving.wait_hook<on_loop>::unlink();
  left(leaving);
}

void waitable::abandon() noexcept {
  woken resumed;
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  for (membership& loop : loops_)
    while (!loop.waiters.empty()) settle(loop.waiters.front(), wait_outcome::aborted, resumed);
  while (!threads_.empty()) settle(threads_.front(), wait_outcome::aborted, resumed);
}

membership& waitable::membership_of(asio::execution_context& context) {
  for (membership& known : loops_)
    if (known.loop->of(context)) return known;
  auto loop = asio::use_service<loop_service>(context).waits();
  membership& added = loops_.emplace_front();
  added.loop = std::move(loop);
  added.queue = weak_from_this();
  added.loop->join(added);
  return added;
}

void waitable::loop_ended(const loop_waits& loop) noexcept {
  loop_list ended;
  {
    const std::lock_guard lock(mutex_);
    auto before = loops_.before_begin();
    while (std::next(before) != loops_.end() && std::next(before)->loop.get() != &loop) ++before;
    if (std::next(before) == loops_.end()) return;
    ended.splice(ended.end(), std::next(before)->waiters);
    loops_.erase_after(before);
    for (waiter& gone : ended) {
      gone.wait_hook<in_line>::unlink();
      left(gone);
    }
  }
  while (!ended.empty()) {
    waiter& gone = ended.front();
    ended.pop_front();
    loop_waits::drop(static_cast<coroutine_waiter&>(gone));
  }
}

}  // namespace fanout::detail
