#include "process/channel/direct_call_channel.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace fanout::detail {

direct_call_channel::direct_call_channel(std::uint32_t worker, worker_channel& channel, std::uint64_t next_ordinal,
                                         std::set<std::uint32_t> told)
    : worker_(worker), channel_(channel), next_ordinal_(next_ordinal), told_(std::move(told)) {}

void direct_call_channel::tell_of(std::uint32_t number, const remote_callable& function) {
  append_or_forget([&] {
    append_function(out_, number, function, false);  // of a pool: others are not to suffer
    told_.insert(number);
  });
}

/// What is only half there when there is no memory for the rest is not sent.
template <class Append>
void direct_call_channel::append_or_forget(Append append) {
  const std::size_t before = out_.size();
  try {
    append();
  } catch (...) {
    out_.resize(before);
    throw;
  }
}

direct_call_channel::answer direct_call_channel::call(const task_terms& terms, std::string_view argument,
                                                      std::string& result) {
  append_or_forget([&] {
    frame_writer frame(out_, frame_type::tasks);
    append_raw(out_, tasks_frame{.first_ordinal = next_ordinal_,
                                 .limit_ns = terms.limit.count(),
                                 .function = terms.function,
                                 .count = 1,
                                 .each = static_cast<std::uint32_t>(argument.size())});
    out_ += argument;
    frame.close();
    channel_.add(out_);
  });
  out_.clear();
  if (channel_.flush() != worker_channel::sending::written) return answer::none;
  try {
    return wait_for_answer(result);
  } catch (const error&) {  // it is no frame: the supervisor reads it again
    return answer::none;
  } catch (const std::bad_alloc&) {
    return answer::none;
  }
}

direct_call_channel::answer direct_call_channel::wait_for_answer(std::string& result) {
  for (;;) {
    if (const auto frame = channel_.frames().peek()) return take_answer(*frame, result);
    const auto got = channel_.wait_and_receive();
    if (got == worker_channel::input::none || got == worker_channel::input::ended) return answer::none;
  }
}

/// What is not the result of the task stays in the reader, for the supervisor.
direct_call_channel::answer direct_call_channel::take_answer(const frame_reader::frame& frame, std::string& result) {
  if (frame.type != frame_type::results) return answer::none;
  std::string_view payload = frame.payload;
  const auto results = take_results(payload);
  if (!results || !payload.empty() || results->header.count != 1 || results->header.first_ordinal != next_ordinal_)
    return answer::none;
  result = results->values[0];
  channel_.frames().pop();
  ++next_ordinal_;
  tasks_.fetch_add(1, std::memory_order_relaxed);
  return results->header.ok ? answer::value : answer::failure;
}

direct_call_channel* direct_call_channels::check_out() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) {
    ++misses_;
    return nullptr;
  }
  direct_call_channel* const channel = idle_.back();
  idle_.pop_back();
  return channel;
}

bool direct_call_channels::check_in(direct_call_channel& channel) {
  const std::lock_guard lock(mutex_);
  if (wanted_back_ || channel.wanted_back_) return false;
  idle_.push_back(&channel);  // there is room for all
  return true;
}

void direct_call_channels::abandon(direct_call_channel& channel) noexcept {
  const std::lock_guard lock(mutex_);
  channel.abandoned_ = true;
  channel.hang_up();
}

bool direct_call_channels::wanted() {
  const std::lock_guard lock(mutex_);
  return misses_ >= enough_misses;
}

void direct_call_channels::reserve(std::size_t channels) {
  const std::lock_guard lock(mutex_);
  idle_.reserve(channels);
}

void direct_call_channels::offer(direct_call_channel& channel) {
  const std::lock_guard lock(mutex_);
  misses_ = 0;
  wanted_back_ = false;
  idle_.push_back(&channel);
}

std::vector<direct_call_channel*> direct_call_channels::reclaim() {
  const std::lock_guard lock(mutex_);
  misses_ = 0;
  wanted_back_ = true;
  return std::exchange(idle_, {});
}

bool direct_call_channels::reclaim(direct_call_channel& channel) {
  const std::lock_guard lock(mutex_);
  channel.wanted_back_ = true;
  return channel.abandoned_ || std::erase(idle_, &channel) > 0;
}

}  // namespace fanout::detail
