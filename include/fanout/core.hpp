#pragma once

/// \file
/// Everything of the component `fanout::core`: shapes and runs, coroutines together, worker processes.

#include <fanout/async/async.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/in_order.hpp>
#include <fanout/core/map.hpp>
#include <fanout/core/options.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/outcomes.hpp>
#include <fanout/core/report.hpp>
#include <fanout/core/run.hpp>
#include <fanout/core/shape.hpp>
#include <fanout/core/source.hpp>
#include <fanout/process/error_with.hpp>
#include <fanout/process/init.hpp>
#include <fanout/process/nodes.hpp>
#include <fanout/process/process_pool.hpp>
#include <fanout/process/remote.hpp>
#include <fanout/process/to_process.hpp>
#include <fanout/process/untyped.hpp>
#include <fanout/version.hpp>
