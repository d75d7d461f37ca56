#include "process/supervisor/worker_outbox.hpp"

namespace fanout::detail {

template <class Write>
void worker_outbox::whole(Write write) {
  const std::size_t before = frames_.size();
  try {
    write();
  } catch (...) {
    frames_.resize(before);
    throw;
  }
}

void worker_outbox::write_setup(const worker_settings& settings, const setup_frame& setup) {
  whole([&] { settings.write_setup(frames_, setup); });
}

void worker_outbox::tell_of(std::uint32_t function, const remote_job& job) {
  const auto [place, added] = told_.insert(function);
  if (!added) return;
  try {
    // That of a run, which has no other.
    const bool vital = function == 0;
    whole([&] { append_function(frames_, function, job.function(function), vital); });
  } catch (...) {
    told_.erase(place);
    throw;
  }
}

void worker_outbox::forget(std::uint32_t function, bool tell) {
  if (told_.erase(function) == 0 || !tell) return;
  whole([&] {
    frame_writer frame(frames_, frame_type::forget);
    append_raw(frames_, forget_frame{function});
    frame.close();
  });
}

void worker_outbox::write_tasks(std::uint64_t first_ordinal, bool more_may_come, const task_bundle& tasks,
                                bool inputs_follow) {
  whole([&] {
    frame_writer frame(frames_, frame_type::tasks);
    append_raw(frames_, tasks_frame{.first_ordinal = first_ordinal,
                                    .limit_ns = tasks.terms.limit.count(),
                                    .function = tasks.terms.function,
                                    .count = tasks.count(),
                                    .each = tasks.inputs.each(),
                                    .more_may_come = more_may_come ? 1U : 0U});
    tasks.inputs.append_ends_to(frames_);
    if (!inputs_follow) frames_ += tasks.inputs.all();
    frame.close(inputs_follow ? tasks.inputs.bytes() : 0);
  });
}

void worker_outbox::write_recall(std::uint32_t keep) {
  whole([&] {
    frame_writer frame(frames_, frame_type::recall);
    append_raw(frames_, recall_frame{.keep = keep});
    frame.close();
  });
}

}  // namespace fanout::detail
