#include "process/pool/pool_run.hpp"

#include <algorithm>
#include <iterator>
#include <new>
#include <thread>
#include <utility>

namespace fanout::detail {

void pool_backend::run(run_control& control, remote_job& job, const fanout::shape&, report& cost) {
  pool_.require_own_process();
  pool_run::carry_out(pool_, control, job, cost);
}

void pool_run::carry_out(pool_engine& pool, run_control& control, remote_job& job, report& cost) {
  const auto self = std::make_shared<pool_run>(pool, control, job);
  const run_control::observer watch(control, [&] { self->inbox_.wake(); });
  self->loop(self, cost);
}

pool_run::pool_run(pool_engine& pool, run_control& control, remote_job& job)
    : pool_(pool), control_(control), job_(job) {
  function_ = pool_.acquire(job_.function(0));
}

pool_run::~pool_run() {
  pool_.release(function_);
}

void pool_run::loop(const std::shared_ptr<pool_run>& self, report& cost) {
  cost.processes = pool_.shape().processes;
  for (;;) {
    try {
      take_arrivals(cost);
      fill(self, cost);
    } catch (...) {
      control_.break_off(std::current_exception());
    }
    if (control_.aborted() && !std::exchange(cancelled_, true)) pool_.cancel(*this);
    if (under_way_ == 0 && !source_waits_ && !control_.pulling()) return;
    wait();
  }
}

std::uint64_t pool_run::window() const {
  const std::uint64_t places = pool_.shape().tasks;
  return 2 * places + std::min<std::uint64_t>(most_ahead, task_time_.tasks_in(ahead) * places);
}

void pool_run::fill(const std::shared_ptr<pool_run>& self, report& cost) {
  const std::uint64_t most = window();
  if (source_waits_ || under_way_ > most / 2 + most / 4) return;  // in batches, not one by one
  while (under_way_ < most && bytes_under_way_ < most_bytes_ahead) {
    pool_tasks next;
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(most - under_way_, most_together));
    const auto status = job_.pull_encoded(next.first_index, next.inputs, next.terms, count, most_bytes_together);
    if (status == pull_status::not_ready) source_waits_ = true;
    if (status != pull_status::item) return;
    if (next.inputs.count() == 0) continue;  // it was too large
    next.client = self;
    next.terms.function = function_;
    if (next.terms.limit.count() <= 0) next.terms.limit = pool_.default_limit();
    cost.ipc_bytes += next.inputs.bytes();
    submit(next);
  }
}

void pool_run::submit(pool_tasks& tasks) {
  const std::uint32_t count = tasks.inputs.count();
  under_way_ += count;
  bytes_under_way_ += tasks.inputs.bytes();
  bundles_.emplace(tasks.first_index, bundle{count, tasks.inputs.bytes()});
  if (pool_.submit(tasks)) return;
  for (std::uint32_t i = 0; i < count; ++i) {
    outcome_facts facts;
    facts.index = tasks.first_index + i;
    facts.finished = facts.started = outcome_facts::clock::now();
    on_failure(facts, {.kind = failure_kind::cancelled, .message = "the pool of worker processes was closed"});
  }
  control_.drain();
}

void pool_run::take_arrivals(report& cost) {
  inbox_.take(arrived_);
  while (!arrived_.empty()) {  // each once, also where delivering one throws
    arrival each = std::move(arrived_.front());
    arrived_.pop_front();
    book_end(each, cost);
    if (each.failed) {
      if (control_.aborted() && each.failed->kind == failure_kind::worker_died) each.failed = control_.cancelled();
      job_.deliver_failure(each.facts, *std::move(each.failed));
      continue;
    }
    const result_batch run(each.facts, each.ends, each.values.view());
    task_time_.add(run.count(), run.elapsed());
    job_.deliver_results(run);
  }
}

void pool_run::book_end(const arrival& one, report& cost) {
  under_way_ -= one.count();
  cost.ipc_bytes += one.values.bytes();
  const auto place = std::prev(bundles_.upper_bound(one.facts.index));
  place->second.unfinished -= one.count();
  if (place->second.unfinished > 0) return;
  bytes_under_way_ -= place->second.bytes;
  bundles_.erase(place);
}

void pool_run::on_results(const result_batch& run) {
  arrival one;
  one.facts = run.copy_to(one.ends, one.values);
  inbox_.add(std::move(one));
}

void pool_run::on_failure(const outcome_facts& facts, failure reason) {
  arrival one{facts, {}, {}, std::move(reason)};
  // Without this outcome the run would wait for ever. Its thread frees memory as it takes what has come before.
  for (;;) try {
      return inbox_.add(std::move(one));
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

/// Waits for an arrival, for the source, for a change of the run, or for Ctrl-C.
void pool_run::wait() {
  if (!inbox_.wait(control_, source_waits_ && control_.pulling() ? job_.source_handle() : -1, -1)) return;
  if (std::exchange(source_waits_, false)) control_.end_wait();
}

}  // namespace fanout::detail
