#include "process/pool/pool_engine.hpp"

#include "process/supervisor/supervisor.hpp"
#include "process/supervisor/worded.hpp"
#include "process/worker/worker_settings.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <iterator>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace fanout::detail {
namespace {

fanout::options options_of(const process_pool_options& how) {
  worker_settings::validate(how.workers);
  const std::uint32_t processes = how.processes > 0 ? how.processes : available_cores();
  fanout::options made(grid(processes, how.threads, how.in_flight));
  made.shape.model = model::processes;  // one worker is one, too
  made.on_error = on_error::collect;
  made.task_timeout = how.task_timeout;
  made.workers = how.workers;
  return made;
}

failure cancelled(const char* why) {
  return worded(failure_kind::cancelled, [&] { return why; });
}

/// Of the exception being handled, which ended a supervisor. Every caller who waits gets a failure of its own: the
/// exception itself stays with the supervisor's thread.
failure no_workers() noexcept {
  failure reason;
  try {
    reason = current_failure();
    throw;
  } catch (const std::bad_alloc&) {
    reason.kind = failure_kind::too_large;
  } catch (...) {
    reason.kind = failure_kind::cannot_start;
  }
  reason.exception = nullptr;
  return reason;
}

/// A copy; of the kind alone where there is no memory for the words.
failure copy_of(const failure& reason) noexcept {
  try {
    return reason;
  } catch (const std::bad_alloc&) {
    failure kind;
    kind.kind = reason.kind;
    return kind;
  }
}

outcome_facts facts_of(std::uint64_t index) {
  outcome_facts facts;
  facts.index = index;
  facts.finished = facts.started = outcome_facts::clock::now();
  return facts;
}

void add(const worker_report& some, worker_report& total) {
  total.tasks += some.tasks;
  total.starts += some.starts;
  total.restarts += some.restarts;
  total.cpu += some.cpu;
  total.peak_rss_bytes = std::max(total.peak_rss_bytes, some.peak_rss_bytes);
  total.bytes_sent += some.bytes_sent;
  total.bytes_received += some.bytes_received;
  if (!some.warning.empty()) total.warning = some.warning;
}

void add(const fanout::report& some, fanout::report& total) {
  total.tasks += some.tasks;
  total.failures += some.failures;
  total.cpu_user += some.cpu_user;
  total.cpu_system += some.cpu_system;
  total.voluntary_switches += some.voluntary_switches;
  total.involuntary_switches += some.involuntary_switches;
  total.peak_rss_bytes += some.peak_rss_bytes;
  total.processes = std::max(total.processes, some.processes);
  total.restarts += some.restarts;
  total.ipc_bytes += some.ipc_bytes;
  total.ipc_time += some.ipc_time;
  total.workers.resize(std::max(total.workers.size(), some.workers.size()));
  for (std::size_t i = 0; i < some.workers.size(); ++i) add(some.workers[i], total.workers[i]);
}

/// No signal of the program is handled on the thread started meanwhile.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

pool_engine::pool_engine(const process_pool_options& how)
    : options_(options_of(how)), source_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!source_) throw std::system_error(errno, std::generic_category(), "cannot make a pool of worker processes");
  const signals_blocked during_the_start;
  thread_ = std::thread([this] { work(); });
}

pool_engine::~pool_engine() {
  close(closing::kill);
}

// What others ask for ------------------------------------------------------------------------------------------------

void pool_engine::keep(std::shared_ptr<pool_engine> copy) noexcept {
  static pool_engine* last = nullptr;  // so that tools which look for lost memory find all of them
  pool_engine& kept = *copy;
  kept.kept_before_ = std::exchange(last, &kept);
  kept.kept_ = std::move(copy);
}

void pool_engine::require_own_process() const {
  if (forked())
    throw std::logic_error(
        "this pool of worker processes belongs to the process that made it, and this one is a fork of that: make a "
        "pool "
        "here, or fork before there is one");
}

std::uint32_t pool_engine::acquire(remote_callable function) {
  require_own_process();
  if (function.context.size() > max_value_bytes) throw error(too_large_to_send());  // here, not when it is sent
  return functions_.acquire(std::move(function));
}

void pool_engine::release(std::uint32_t function) {
  if (forked()) return;
  const auto forgotten = functions_.release(function);
  const std::lock_guard lock(mutex_);
  if (forgotten && supervisor_) supervisor_->post([this, number = *forgotten] { supervisor_->forget(number); });
}

/// Notifies without the mutex, so that a woken thread finds it free.
bool pool_engine::submit(pool_tasks& tasks) {
  std::unique_lock lock(mutex_);
  if (closing_ != closing::open) return false;
  queue_.push_back(std::move(tasks));
  const bool waits = std::exchange(supervisor_waits_, false);
  const bool idle = !supervisor_;
  lock.unlock();
  if (idle) changed_.notify_all();
  if (waits) wake();
  return true;
}

void pool_engine::check_in(direct_call_channel& channel) noexcept {
  if (direct_channels_.check_in(channel)) return;
  const std::lock_guard lock(mutex_);  // the supervisor does not end before it has it
  try {
    supervisor_->post([this, &channel] { supervisor_->check_in(channel, nullptr); });
  } catch (const std::bad_alloc&) {
    direct_channels_.abandon(channel);
  }
}

void pool_engine::check_in(direct_call_channel& channel, pool_tasks tasks) {
  const std::lock_guard lock(mutex_);
  supervisor_->post([this, &channel, given = std::make_shared<pool_tasks>(std::move(tasks))] {
    std::uint64_t ticket = 0;
    try {
      ticket = book(*given, 0, 1);
    } catch (const std::bad_alloc&) {
      end_all(*given, worded(failure_kind::too_large, [] { return "there is no memory to wait for it"; }));
      channel.hang_up();
      return supervisor_->check_in(channel, nullptr);
    }
    task_bundle unanswered{ticket, given->terms, std::move(given->inputs), 0};
    supervisor_->check_in(channel, &unanswered);
  });
}

void pool_engine::cancel(const pool_client& client) {
  if (forked()) return;
  std::list<pool_tasks> dropped;
  {
    const std::lock_guard lock(mutex_);
    for (auto each = queue_.begin(); each != queue_.end();) {
      const auto next = std::next(each);
      if (each->client.get() == &client) dropped.splice(dropped.end(), queue_, each);
      each = next;
    }
    if (supervisor_)
      supervisor_->post([this, whose = &client] {
        for (auto& [ticket, each] : under_way_) each.cancelled |= each.client.get() == whose;
        supervisor_->end_tasks([this](std::uint64_t ticket) { return of_ticket(ticket)->second.cancelled; });
      });
  }
  end_unstarted(dropped);
}

void pool_engine::close(closing how) {
  require_own_process();
  std::list<pool_tasks> dropped;
  {
    const std::lock_guard lock(mutex_);
    closing_ = std::max(closing_, how);
    if (closing_ >= closing::stop) dropped.swap(queue_);
    changed_.notify_all();
    if (std::exchange(supervisor_waits_, false)) wake();
    if (closing_ == closing::kill && control_) control_->abort();
  }
  end_unstarted(dropped);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  lock.unlock();
  const std::lock_guard joining(joining_);
  if (thread_.joinable()) thread_.join();
}

fanout::report pool_engine::report() {
  require_own_process();
  std::promise<fanout::report> asked;
  auto answer = asked.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (!supervisor_) return cost_;
    supervisor_->post([this, asked = std::make_shared<std::promise<fanout::report>>(std::move(asked))] {
      fanout::report so_far = cost_;
      add(*supervisor_cost_, so_far);
      supervisor_->add_running(so_far);
      asked->set_value(std::move(so_far));
    });
  }
  try {
    return answer.get();
  } catch (const std::future_error&) {  // the supervisor ended before it came to that
    const std::lock_guard lock(mutex_);
    return cost_;
  }
}

void pool_engine::end_all(const pool_tasks& tasks, const failure& reason) {
  for (std::uint32_t place = tasks.taken; place < tasks.inputs.count(); ++place)
    tasks.client->on_failure(facts_of(tasks.first_index + place), copy_of(reason));
}

void pool_engine::end_unstarted(const std::list<pool_tasks>& tasks) {
  for (const pool_tasks& each : tasks) end_all(each, cancelled("it was not started"));
}

void pool_engine::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(source_.value(), &one, sizeof one);  // fails only when it is readable
}

// The supervisor's thread
// --------------------------------------------------------------------------------------------------

void pool_engine::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !queue_.empty() || closing_ != closing::open; });
      if (queue_.empty()) break;
    }
    told_ = false;
    try {
      supervise();
    } catch (...) {
      if (!told_) fail_queued(no_workers());
    }
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void pool_engine::supervise() {
  run_control control(options_);
  fanout::report cost;
  supervisor workers(control, *this, options_.shape, cost);
  workers.serve_direct_calls(direct_channels_);
  {
    const std::lock_guard lock(mutex_);
    if (closing_ == closing::kill) control.abort();
    control_ = &control;
    supervisor_ = &workers;
    supervisor_cost_ = &cost;
  }
  std::exception_ptr failed;
  try {
    workers.run();
    control.rethrow_broken();
  } catch (...) {
    failed = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    add(cost, cost_);
    control_ = nullptr;
    supervisor_ = nullptr;
  }
  if (failed) std::rethrow_exception(failed);
}

/// When a supervisor breaks off, the queued tasks would fail as well. Runs once, and before any client gets a failure:
/// a client that gets one and submits another task starts a new supervisor.
void pool_engine::fail_queued(const failure& reason) {
  std::list<pool_tasks> queued;
  {
    const std::lock_guard lock(mutex_);
    queued.swap(queue_);
  }
  for (const pool_tasks& each : queued) end_all(each, reason);
}

remote_callable pool_engine::function(std::uint32_t number) const {
  return functions_.at(number);
}

/// Takes tasks in the order they came, of several clients where they have the same terms.
pull_status pool_engine::pull_encoded(std::uint64_t& index, encoded_values& inputs, task_terms& terms,
                                      std::uint32_t most, std::size_t most_bytes) {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) {
    if (closing_ != closing::open) {
      control_->exhaust();
      return pull_status::end;
    }
    std::uint64_t taken = 0;
    [[maybe_unused]] const auto got = read(source_.value(), &taken, sizeof taken);
    supervisor_waits_ = true;
    control_->begin_wait();
    return pull_status::not_ready;
  }
  index = next_ticket_;
  terms = queue_.front().terms;
  while (!queue_.empty() && queue_.front().terms == terms && inputs.count() < most && inputs.bytes() < most_bytes) {
    try {
      take_from(queue_.front(), inputs, most, most_bytes);
    } catch (...) {  // of memory; what was taken goes its way
      if (inputs.count() == 0) throw;
      break;
    }
    if (queue_.front().all_taken()) queue_.pop_front();
  }
  return pull_status::item;
}

void pool_engine::take_from(pool_tasks& tasks, encoded_values& inputs, std::uint32_t most, std::size_t most_bytes) {
  const std::uint32_t from = tasks.taken;
  const std::uint32_t last = from + std::min(tasks.inputs.count() - from, most - inputs.count());
  std::uint32_t to = from;
  for (std::size_t bytes = inputs.bytes(); to < last && bytes < most_bytes; ++to)
    bytes += tasks.inputs.bytes(to, to + 1);
  const std::uint64_t first = book(tasks, from, to - from);
  if (inputs.count() == 0 && to - from == tasks.inputs.count()) {
    inputs = std::exchange(tasks.inputs, {});  // large ones are not copied
    tasks.taken = 0;
    return;
  }
  const std::uint32_t before = inputs.count();
  try {
    inputs.append(tasks.inputs.view(), from, to);
    tasks.taken = to;
  } catch (...) {
    inputs.abandon();
    const std::uint32_t taken = inputs.count() - before;
    tasks.taken = from + taken;
    next_ticket_ = first + taken;
    const auto booked = of_ticket(first);
    booked->second.count = booked->second.unfinished = taken;
    if (taken == 0) under_way_.erase(booked);
    throw;
  }
}

std::uint64_t pool_engine::book(const pool_tasks& tasks, std::uint32_t from, std::uint32_t count) {
  under_way_.emplace_hint(under_way_.end(), next_ticket_,
                          under_way{tasks.client, tasks.first_index + from, count, count, false});
  return std::exchange(next_ticket_, next_ticket_ + count);
}

pool_engine::under_way_map::iterator pool_engine::of_ticket(std::uint64_t ticket) {
  return std::prev(under_way_.upper_bound(ticket));
}

/// The client, which this may have been the last to know.
std::shared_ptr<pool_client> pool_engine::finish(under_way_map::iterator place, std::uint32_t count) {
  auto client = place->second.client;
  place->second.unfinished -= count;
  if (place->second.unfinished == 0) under_way_.erase(place);
  return client;
}

failure pool_engine::broken_off() const {
  try {
    control_->rethrow_broken();
    return {};
  } catch (...) {
    return no_workers();
  }
}

void pool_engine::deliver_results(const result_batch& run) {
  for (std::uint32_t done = 0; done < run.count();) {
    const auto place = of_ticket(run.first_index() + done);
    const auto offset = static_cast<std::uint32_t>(run.first_index() + done - place->first);
    const std::uint32_t count = std::min(run.count() - done, place->second.count - offset);
    const auto some = run.part(done, count, place->second.first_index + offset);
    deliver(*finish(place, count), some);
    done += count;
  }
}

/// A client that has no memory for results gets failures instead.
void pool_engine::deliver(pool_client& client, const result_batch& run) {
  try {
    client.on_results(run);
  } catch (const std::bad_alloc&) {
    const failure reason = worded(failure_kind::too_large, [] { return "there is no memory for its result"; });
    for (std::uint32_t i = 0; i < run.count(); ++i) client.on_failure(run.facts(i), copy_of(reason));
  }
}

void pool_engine::deliver_failure(const outcome_facts& facts, failure reason) {
  const auto place = of_ticket(facts.index);
  outcome_facts own = facts;
  own.index = place->second.first_index + (facts.index - place->first);
  if (control_->broken() && reason.kind == failure_kind::cancelled) {
    reason = broken_off();
    if (!std::exchange(told_, true)) fail_queued(reason);
  } else if (place->second.cancelled && reason.kind == failure_kind::worker_died) {
    reason = cancelled("it was cancelled, and its worker process killed");
  }
  finish(place, 1)->on_failure(own, std::move(reason));
}

}  // namespace fanout::detail
