#include <fanout/base/detail/wait_handle.hpp>
#include <fanout/core/detail/pipeline.hpp>

#include "process/supervisor/supervisor.hpp"

#include <algorithm>
#include <utility>

namespace fanout::detail {

void supervisor::deal() {
  if (control_.aborted()) return;
  try {
    deal_tasks();
  } catch (...) {  // the workers there are still have to be watched to their end
    control_.break_off(std::current_exception());
  }
}

void supervisor::deal_tasks() {
  reclaim_lent();
  if (!suspects_.empty()) deal_suspects();
  while (deal_one_each()) {
  }
  for (const auto& worker : workers_)
    if (worker && !worker->finishing) fill_up(*worker);
  flush();
  balance();
  think_of_lending();
}

/// One round: a task for each worker that has a free place, so that a short source is shared out evenly.
bool supervisor::deal_one_each() {
  bool given = false;
  for (std::uint32_t number = 0; number < workers_.size(); ++number) {
    const auto& worker = workers_[number];
    if (worker ? !may_take(*worker) || worker->unfinished >= places() : start_failed_) continue;
    if (!give(number, 1)) return false;
    given = true;
  }
  return given;
}

/// While tasks are called back from a worker it gets no others: those would have the same ordinals.
bool supervisor::may_take(const worker_process& worker) const {
  return !worker.finishing && !worker.doomed() && !worker.direct && !worker.recalled && !worker.alone &&
         !worker.reserved && !worn(worker);
}

/// A task that may have killed its worker is tried again by itself: so it takes no other along, and if it does it
/// again, there is no doubt that it was it. When no worker is idle, one gets nothing more until it is.
void supervisor::deal_suspects() {
  worker_process* least = nullptr;
  for (std::uint32_t number = 0; number < workers_.size() && !suspects_.empty(); ++number) {
    worker_process* const worker = workers_[number].get();
    if (worker) {
      if (worker->finishing || worker->doomed() || worker->direct || worker->recalled || worker->alone || worn(*worker))
        continue;
      if (worker->unfinished > 0) {
        if (!least || worker->reserved || worker->unfinished < least->unfinished) least = worker;
        continue;
      }
      worker->reserved = false;
    } else if (start_failed_) {
      continue;
    }
    task_bundle suspect = std::move(suspects_.front());
    suspects_.pop_front();
    if (!hand_over(number, std::move(suspect))) continue;  // it is back, for a worker that runs
    workers_[number]->alone = true;
  }
  if (!suspects_.empty() && least) least->reserved = true;
}

bool supervisor::worn(const worker_process& worker) const {
  const auto most = control_.options().workers.max_tasks;
  return most > 0 && worker.end_ordinal >= most;
}

/// Lets workers go that are done with as many tasks as they may have.
void supervisor::retire_worn() {
  for (const auto& worker : workers_) {
    if (!worker || worker->unfinished > 0) continue;
    worker->alone = false;
    if (suspects_.empty()) worker->reserved = false;
    if (worn(*worker) && !worker->finishing && !worker->recalled) let_go(*worker);
  }
}

void supervisor::fill_up(worker_process& worker) {
  const std::uint32_t most = places() + places_ahead();
  if (!may_take(worker) || worker.unfinished > most - places_ahead() / 2) return;  // in batches, not one by one
  if (worker.unfinished >= places() && (!worker.listens || stands_still(worker))) return;
  while (worker.unfinished < most && worker.unfinished_bytes < most_bytes_ahead)
    if (!give(worker.number(), most - worker.unfinished)) return;
}

std::uint32_t supervisor::places_ahead() const {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(task_time_.tasks_in(ahead) * places(), most_ahead));
}

bool supervisor::give(std::uint32_t number, std::uint32_t most) {
  if (const auto life = control_.options().workers.max_tasks; life > 0) {
    const std::uint64_t had = workers_[number] ? workers_[number]->end_ordinal : 0;
    most = static_cast<std::uint32_t>(std::min<std::uint64_t>(most, life - had));
    if (most == 0) return false;
  }
  auto tasks = next_tasks(most);
  return tasks && hand_over(number, *std::move(tasks));
}

/// Whatever there is no memory for on the way, the tasks are in exactly one place: in hand, or the worker's.
bool supervisor::hand_over(std::uint32_t number, task_bundle tasks) {
  in_hand_ = std::move(tasks);
  worker_process* const worker = worker_for(number);
  if (!worker) {
    (in_hand_->deaths > 0 ? suspects_ : returned_).push_front(*std::move(in_hand_));
    in_hand_.reset();
    return running_ > 0 && !start_failed_;
  }
  if (in_hand_->terms.limit.count() > 0) watch_deadlines(in_hand_->terms.limit);
  worker->listens = places_ahead() > 0;
  const std::uint32_t count = in_hand_->count();
  const std::size_t bytes = in_hand_->inputs.bytes();
  const bool large = bytes >= large_inputs;
  tell_of(in_hand_->terms.function, number);
  const std::size_t before = frames_[number].size();
  try {
    write_tasks(*worker, *in_hand_, large);
    worker->batches.emplace_back(worker->end_ordinal, *std::move(in_hand_));
  } catch (...) {
    frames_[number].resize(before);
    throw;
  }
  in_hand_.reset();
  worker->unfinished += count;
  worker->unfinished_bytes += bytes;
  worker->end_ordinal += count;
  if (!large) return true;
  worker->send(frames_[number]);
  frames_[number].clear();
  worker->send_inputs_of_last();
  return true;
}

void supervisor::write_tasks(const worker_process& worker, const task_bundle& tasks, bool inputs_follow) {
  std::string& frames = frames_[worker.number()];
  frame_writer frame(frames, frame_type::tasks);
  append_raw(frames, tasks_frame{.first_ordinal = worker.end_ordinal,
                                 .limit_ns = tasks.terms.limit.count(),
                                 .function = tasks.terms.function,
                                 .count = tasks.count(),
                                 .each = tasks.inputs.each(),
                                 .more_may_come = worker.listens ? 1U : 0U});
  tasks.inputs.append_ends_to(frames);
  if (!inputs_follow) frames += tasks.inputs.all();
  frame.close(inputs_follow ? tasks.inputs.bytes() : 0);
}

void supervisor::tell_of(std::uint32_t function, std::uint32_t number) {
  const auto [place, added] = told_[number].insert(function);
  if (!added) return;
  const std::size_t before = frames_[number].size();
  try {
    append_function(frames_[number], function, job_.function(function), function == 0);
  } catch (...) {
    frames_[number].resize(before);
    told_[number].erase(place);
    throw;
  }
}

std::optional<task_bundle> supervisor::next_tasks(std::uint32_t most) {
  if (!returned_.empty()) {
    task_bundle& front = returned_.front();
    const std::uint32_t share = std::min(most, front.count() / std::max(running_, 1U) + 1);
    if (share < front.count()) {
      task_bundle tasks = front.part(0, share);
      front = front.part(share, front.count());
      return tasks;
    }
    task_bundle tasks = std::move(front);
    returned_.pop_front();
    return tasks;
  }
  if (waiting_for_source_) return std::nullopt;
  task_bundle tasks;
  switch (pull(tasks, most)) {
    case pull_status::item:
      return tasks;
    case pull_status::end:
      break;
    case pull_status::not_ready:
      wait_for_source();
  }
  return std::nullopt;
}

/// What is in quarantine goes no further.
pull_status supervisor::pull(task_bundle& tasks, std::uint32_t most) {
  for (;;) {
    if (quarantine_.any_held()) most = 1;
    const auto status = job_.pull_encoded(tasks.first_index, tasks.inputs, tasks.terms, most, most_bytes_ahead);
    if (status != pull_status::item || !quarantine_.any_held() || tasks.count() != 1 ||
        !quarantine_.holds(tasks.terms.function, tasks.inputs[0]))
      return status;
    outcome_facts facts;
    facts.index = tasks.first_index;
    facts.finished = facts.started = clock::now();
    job_.deliver_failure(facts, {.kind = failure_kind::refused_by_policy,
                                 .message = "the input is in quarantine: workers have died of it"});
    tasks = {};
  }
}

void supervisor::flush() {
  for (std::size_t number = 0; number < workers_.size(); ++number) {
    if (frames_[number].empty()) continue;
    if (workers_[number]) workers_[number]->send(frames_[number]);
    frames_[number].clear();
  }
}

/// Workers end together, when nothing can be left for any of them: until then one that dies may leave tasks behind.
void supervisor::finish_when_done() {
  if (!returned_.empty() || !suspects_.empty() || (control_.pulling() && !control_.aborted())) return;
  for (const auto& worker : workers_)
    if (worker && (worker->unfinished > 0 || worker->direct)) return;
  finished_ = true;
  for (const auto& worker : workers_)
    if (worker && !worker->finishing) let_go(*worker);
  start_again_timer_.cancel();
  deadline_timer_.cancel();
  balance_timer_.cancel();
  interrupt_.stop();
}

void supervisor::wait_for_source() {
  if (!source_) open_wait_handle(source_, loop_, job_.source_handle());
  waiting_for_source_ = true;
  source_->async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code) {
    control_.end_wait();
    waiting_for_source_ = false;
    deal();
    finish_when_done();
  });
}

}  // namespace fanout::detail
