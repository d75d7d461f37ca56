#pragma once

#include <fanout/base/task.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

#include <memory>

/// \file
/// A response outside the frame of the coroutine that waits for it. Not for users.
namespace fanout::http {

class client;

/// As `client::send`. Asio keeps the memory of coroutines' frames for the next ones up to about 1 KiB, and a response
/// in a frame is half of that: where many requests are made one after the other, each would allocate its frames anew.
task<std::unique_ptr<response>> send_to_heap(const client& by, request what);

}  // namespace fanout::http
