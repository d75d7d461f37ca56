#pragma once

/// \file
/// asyncio's vocabulary: everything of the room `async`. It needs no shape and no run, only an Asio executor.

#include <fanout/async/as_completed.hpp>
#include <fanout/async/async_generator.hpp>
#include <fanout/async/barrier.hpp>
#include <fanout/async/channel.hpp>
#include <fanout/async/condition.hpp>
#include <fanout/async/debug.hpp>
#include <fanout/async/event.hpp>
#include <fanout/async/exception_group.hpp>
#include <fanout/async/gather.hpp>
#include <fanout/async/mutex.hpp>
#include <fanout/async/program.hpp>
#include <fanout/async/race.hpp>
#include <fanout/async/rate_limiter.hpp>
#include <fanout/async/semaphore.hpp>
#include <fanout/async/settled.hpp>
#include <fanout/async/signals.hpp>
#include <fanout/async/sleep.hpp>
#include <fanout/async/sync_wait.hpp>
#include <fanout/async/task_group.hpp>
#include <fanout/async/thread_executor.hpp>
#include <fanout/async/timeout.hpp>
#include <fanout/async/to_thread.hpp>
