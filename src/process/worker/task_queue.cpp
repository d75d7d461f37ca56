#include "process/worker/task_queue.hpp"

#include <utility>

namespace fanout::detail {
namespace {

std::uint32_t low(std::uint64_t ordinal) {
  return static_cast<std::uint32_t>(ordinal);
}

[[noreturn]] void protocol_error(const char* what) {
  throw error(failure_kind::protocol, what);
}

}  // namespace

pull_status task_queue::claim(claimed_task& task) {
  const std::lock_guard lock(mutex_);
  if (!claim_queued(task)) {
    if (one_lane_) return wait_and_claim(task);
    if (more()) read_frames();
    if (!claim_queued(task)) {
      results_.flush();  // these results must not wait for the next task as well
      if (!more()) {
        control_.exhaust();
        return pull_status::end;
      }
      control_.begin_wait();
      return pull_status::not_ready;
    }
  }
  if (backlog()) control_.wake_waiting();
  return pull_status::item;
}

/// Waits in the very call that reads: a task costs its worker one system call to get and one to answer. Whether more
/// has come is asked before only if it was there the last time. The mutex is held, so no other thread reads meanwhile.
pull_status task_queue::wait_and_claim(claimed_task& task) {
  for (bool wait = waited_;; wait = true) {
    if (wait || !more()) results_.flush();  // these results must not wait for the next task as well
    if (!more()) {
      control_.exhaust();
      return pull_status::end;
    }
    idle_.store(wait, std::memory_order_relaxed);
    more_.store(wait ? parent_.wait_and_fill(reader_) : parent_.fill(reader_), std::memory_order_relaxed);
    idle_.store(false, std::memory_order_relaxed);
    handle_frames();
    if (!claim_queued(task)) continue;
    waited_ = wait;
    return pull_status::item;
  }
}

bool task_queue::claim_queued(claimed_task& task) {
  for (; !batches_.empty(); batches_.pop_front()) {
    const auto& front = batches_.front();
    attended_.store(front->more_may_come, std::memory_order_relaxed);
    std::uint32_t ordinal = 0;
    if (!page_.claim(front->end, ordinal)) continue;
    task.ordinal = progress_page::extend(ordinal, front->first_ordinal);
    task.batch = front;
    return true;
  }
  return false;
}

bool task_queue::claim_next(claimed_task& task) const noexcept {
  std::uint32_t ordinal = 0;
  if (!page_.claim(task.batch->end, ordinal)) return false;
  ++task.ordinal;
  return true;
}

void task_queue::read_meanwhile() {
  const std::unique_lock lock(mutex_, std::try_to_lock);  // the thread that holds it reads
  if (!lock || !more()) return;
  read_frames();
  if (backlog()) control_.wake_waiting();
}

void task_queue::read_frames() {
  more_.store(parent_.fill(reader_), std::memory_order_relaxed);
  handle_frames();
}

void task_queue::handle_frames() {
  while (const auto frame = reader_.next()) {
    switch (frame->type) {
      case frame_type::tasks:
        add_batch(frame->payload);
        break;
      case frame_type::recall:
        give_back(frame->payload);
        break;
      case frame_type::function:
        learn(frame->payload);
        break;
      case frame_type::forget:
        forget(frame->payload);
        break;
      default:
        protocol_error("the parent sent a frame that is not a parent's");
    }
  }
}

void task_queue::add_batch(std::string_view payload) {
  const auto header = take_raw<tasks_frame>(payload);
  const auto known = header ? functions_.find(header->function) : functions_.end();
  if (known == functions_.end()) protocol_error("the parent sent tasks of no function");
  if (header->first_ordinal != end_ordinal_ || header->count == 0 || header->count >= 1U << 31)
    protocol_error("the parent sent tasks out of their order");
  auto batch = std::make_shared<task_batch>();
  batch->first_ordinal = header->first_ordinal;
  batch->end.store(low(header->first_ordinal + header->count), std::memory_order_relaxed);
  batch->function = &known->second;
  batch->limit = std::chrono::nanoseconds(header->limit_ns);
  batch->more_may_come = header->more_may_come != 0;
  batch->large = reader_.take_large();
  if (!batch->large) batch->bytes = payload;
  std::string_view bytes = batch->large ? payload : std::string_view(batch->bytes);
  const auto inputs = encoded_view::take(bytes, header->count, header->each);
  if (!inputs || !bytes.empty()) protocol_error("the parent sent a task that ends too soon");
  batch->inputs = *inputs;
  batches_.push_back(std::move(batch));
  end_ordinal_ += header->count;
  page_.allow(low(end_ordinal_));
}

/// First nothing more can be claimed, then the batches are cut, and only then can anything take the place of what was
/// cut: so a lane that goes through the front batch without the lock never runs a task that was given back.
void task_queue::give_back(std::string_view payload) {
  const auto wanted = take_raw<recall_frame>(payload);
  if (!wanted) protocol_error("the parent called tasks back in too few bytes");
  end_ordinal_ = progress_page::extend(page_.withdraw(wanted->keep), end_ordinal_);
  while (!batches_.empty() && batches_.back()->first_ordinal >= end_ordinal_) batches_.pop_back();
  if (!batches_.empty()) batches_.back()->end.store(low(end_ordinal_), std::memory_order_relaxed);
  std::string bytes;
  frame_writer frame(bytes, frame_type::returned);
  append_raw(bytes, returned_frame{end_ordinal_});
  frame.close();
  results_.send(bytes);
}

void task_queue::learn(std::string_view payload) {
  const auto told = take_raw<function_frame>(payload);
  const auto name = told ? take_bytes(payload, told->name_bytes) : std::nullopt;
  if (!name) protocol_error("the parent told of a function in too few bytes");
  const auto [place, added] = functions_.try_emplace(told->number, *name, payload, lanes_);
  if (!added) protocol_error("the parent told of a function twice");
  if (!told->vital) return;
  page_.set_preparing(true);
  place->second.instance(0);
  page_.set_preparing(false);
}

void task_queue::forget(std::string_view payload) {
  const auto told = take_raw<forget_frame>(payload);
  if (!told || functions_.erase(told->number) == 0)
    protocol_error("the parent took back a function it had not told of");
}

}  // namespace fanout::detail
