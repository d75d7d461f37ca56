#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <utility>

namespace fanout::test {

/// Runs `work` to its end on a loop of this thread; throws what it throws.
template <class T>
T run_to_end(task<T> work) {
  asio::io_context loop;
  auto result = asio::co_spawn(loop, std::move(work), asio::use_future);
  loop.run();
  return result.get();
}

}  // namespace fanout::test
