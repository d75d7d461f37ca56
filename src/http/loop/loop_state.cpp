#include "http/loop/loop_state.hpp"

#include <fanout/async/detail/observation.hpp>

#include <boost/asio/strand.hpp>

#include <stdexcept>

namespace fanout::http {
namespace {

constexpr std::size_t scratch_bytes = 64 * 1024;

// One address a thread: cheaper to compare than a thread id, and an atomic of it is always lock-free.
const void* this_thread() noexcept {
  thread_local char address;
  return &address;
}

asio::io_context* context_of(const asio::any_io_executor& executor) {
  using native = asio::io_context::executor_type;
  if (const auto* plain = executor.target<native>()) return &plain->context();
  if (const auto* strand = executor.target<asio::strand<native>>()) return &strand->get_inner_executor().context();
  if (const auto* strand = executor.target<asio::strand<asio::any_io_executor>>())
    return context_of(strand->get_inner_executor());
  const asio::any_io_executor* const plainer = detail::watched_by(executor);
  return plainer ? context_of(*plainer) : nullptr;
}

// Which state this thread used last. Asking Asio takes a lock and a walk through its services. A context that was
// destroyed may leave its address to another one, so every shutdown outdates all remembered states.
std::atomic<std::uint64_t> shutdowns{0};

struct remembered_state {
  const asio::io_context* context = nullptr;
  loop_state* state = nullptr;
  std::uint64_t shutdowns = 0;
};
thread_local remembered_state last_used;

}  // namespace

loop_state::loop_state(asio::execution_context& context)
    : asio::execution_context::service(context),
      context_(static_cast<asio::io_context&>(context)),
      deadlines_(context_),
      names_(context_, deadlines_),
      sockets_(context_),
      pool_(context_),
      scratch_(scratch_bytes) {}

loop_state::~loop_state() = default;

loop_state& loop_state::of(const asio::any_io_executor& executor) {
  asio::io_context* const context = context_of(executor);
  if (!context)
    throw std::logic_error(
        "fanout::http needs a coroutine that runs on a boost::asio::io_context, or on a strand over one");
  const std::uint64_t now = shutdowns.load(std::memory_order_acquire);
  if (last_used.context != context || last_used.shutdowns != now)
    last_used = {context, &asio::use_service<loop_state>(*context), now};
  return *last_used.state;
}

void loop_state::enter() {
  const void* owner = nullptr;
  // Acquire, release: a thread that takes over an idle loop sees all that the one before left there.
  if (!owner_.compare_exchange_strong(owner, this_thread(), std::memory_order_acq_rel) && owner != this_thread())
    throw std::logic_error(
        "two threads use fanout::http on one io_context at the same time; give each thread an io_context of its own");
  ++active_;
}

void loop_state::leave() noexcept {
  if (--active_ == 0) owner_.store(nullptr, std::memory_order_release);
}

bool loop_state::owned_by_this_thread() const noexcept {
  // Relaxed: a thread always sees its own store, and no other thread stores its address.
  return owner_.load(std::memory_order_relaxed) == this_thread();
}

std::span<char> loop_state::scratch(std::size_t size) {
  if (scratch_.size() < size) scratch_.resize(size);
  return scratch_;
}

// Called by the context's destructor before it destroys what is still suspended. Those coroutines end here, on this
// thread, whoever ran the loop before.
void loop_state::shutdown() {
  shutdowns.fetch_add(1, std::memory_order_acq_rel);
  owner_.store(this_thread(), std::memory_order_release);
  ++active_;
  sockets_.shut_down();
  names_.shut_down();
  pool_.clear();
}

}  // namespace fanout::http
