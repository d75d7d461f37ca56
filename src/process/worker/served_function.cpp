#include "process/worker/served_function.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>

namespace fanout::detail {
namespace {

/// The loop stays for the next call: what a client keeps on it, such as connections, is worth keeping.
void run_on_own_loop(task<void> work) {
  thread_local asio::io_context loop{1};
  const auto until_done = asio::make_work_guard(loop);
  bool done = false;
  std::exception_ptr failed;
  asio::co_spawn(loop, std::move(work), [&](std::exception_ptr why) {
    failed = why;
    done = true;
  });
  loop.restart();
  while (!done) loop.run_one();
  if (failed) std::rethrow_exception(failed);
}

}  // namespace

const remote_entry& served_function::entry() {
  return find_remote(name_);
}

// Acquire, release: a lane that sees the pointer sees the whole instance.
remote_instance& served_function::instance(std::uint32_t lane) {
  if (remote_instance* const made = of_lane_[lane].load(std::memory_order_acquire)) return *made;
  const std::lock_guard lock(mutex_);
  if (made_.empty() || made_.front()->per_lane()) made_.push_back(entry().make(context_));
  of_lane_[lane].store(made_.back().get(), std::memory_order_release);
  return *made_.back();
}

void served_function::call(std::uint32_t lane, std::string_view argument, std::string& result) {
  remote_instance& function = instance(lane);
  if (function.coroutine())
    run_on_own_loop(function.call_async(argument, result));
  else
    function.call(argument, result);
}

}  // namespace fanout::detail
