#pragma once

#include <fanout/base/task.hpp>
#include <fanout/fetch/body_sink.hpp>
#include <fanout/fetch/record.hpp>
#include <fanout/fetch/settings.hpp>
#include <fanout/http/client.hpp>

#include <chrono>
#include <cstdint>

/// \file
/// Exchanges whose bodies go somewhere as they come.
namespace fanout::fetch {

class exchange_watch;

}  // namespace fanout::fetch

namespace fanout::fetch::detail {

/// When so many bytes may have come; `bytes_per_s` is more than 0.
std::chrono::nanoseconds time_for(std::uint64_t bytes, std::uint64_t bytes_per_s);

/// Sends the request and hands the body to `into`. The record is complete, but for the time it took, when the task
/// ends, and as far as it goes when it throws what the client or the sink did. All arguments must outlive the task.
/// `watch` is told of the body; null: nobody is.
task<void> stream_exchange(const http::client& with, const settings& how, http::request message, body_sink& into,
                           exchange_watch* watch, record& result);

/// The same with a body that goes where `settings::body_path` says, after the heads that `watch` has where
/// `heads_before_body` says so.
task<void> save_exchange(const http::client& with, const settings& how, const request& what, http::request message,
                         exchange_watch* watch, record& result);

}  // namespace fanout::fetch::detail
