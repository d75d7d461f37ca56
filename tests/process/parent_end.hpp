#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include "process/channel/wire.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The parent's end of a worker's socket, in the process of the test: frames as bytes.
namespace fanout::test {

struct received_frame {
  detail::frame_type type{};
  std::string payload;
};

class parent_end {
 public:
  parent_end() {
    std::array<int, 2> pair{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    ours_ = detail::owned_descriptor(pair[0]);
    workers_ = detail::owned_descriptor(pair[1]);
  }
  int workers_socket() const noexcept { return workers_.value(); }

  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(ours_.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  }
  template <class... Parts>
  void send_frame(detail::frame_type type, std::string_view text, const Parts&... parts) const {
    std::string bytes;
    detail::frame_writer frame(bytes, type);
    (detail::append_raw(bytes, parts), ...);
    bytes += text;
    frame.close();
    send(bytes);
  }
  void send_function(std::uint32_t number, std::string_view name, std::string_view context = {}) const {
    std::string bytes;
    detail::append_function(bytes, number, {std::string(name), std::string(context)}, false);
    send(bytes);
  }
  /// Tasks whose inputs are these bytes.
  void send_tasks(std::uint64_t first_ordinal, const std::vector<std::string>& inputs, std::uint32_t function = 0,
                  bool more_may_come = false) const {
    detail::encoded_values all;
    for (const std::string& each : inputs) {
      all.open() += each;
      EXPECT_TRUE(all.close());
    }
    std::string payload;
    all.append_to(payload);
    send_frame(detail::frame_type::tasks, payload,
               detail::tasks_frame{.first_ordinal = first_ordinal,
                                   .function = function,
                                   .count = all.count(),
                                   .each = all.each(),
                                   .more_may_come = more_may_come ? 1U : 0U});
  }
  /// No more tasks: the worker reads the end.
  void close_sending() const { shutdown(ours_.value(), SHUT_WR); }
  void close() { ours_.reset(); }

  /// Waits for the next frame; empty at the worker's end.
  std::optional<received_frame> next() {
    for (;;) {
      if (const auto frame = reader_.next()) return received_frame{frame->type, std::string(frame->payload)};
      const auto room = reader_.room(64 * 1024);
      const auto got = recv(ours_.value(), room.data(), room.size(), 0);
      if (got <= 0) return std::nullopt;
      reader_.added(static_cast<std::size_t>(got));
    }
  }
  /// Whether anything has come that was not read.
  bool anything() const {
    char one = 0;
    return recv(ours_.value(), &one, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }

 private:
  detail::owned_descriptor ours_;
  detail::owned_descriptor workers_;
  detail::frame_reader reader_;
};

/// One result, taken out of its run.
struct read_result {
  std::uint64_t ordinal = 0;
  std::uint32_t lane = 0;
  bool ok = false;
  std::string value;  ///< or the message of the failure
  std::int64_t started_ns = 0;
  std::int64_t finished_ns = 0;
};

/// All results of a `results` frame.
inline std::vector<read_result> results_of(std::string_view payload) {
  std::vector<read_result> all;
  while (!payload.empty()) {
    const auto run = detail::take_results(payload);
    if (!run) {
      ADD_FAILURE() << "these are no results";
      break;
    }
    outcome_facts first;
    first.index = run->header.first_ordinal;
    first.lane = run->header.lane;
    first.started = outcome_facts::clock::time_point(std::chrono::nanoseconds(run->header.started_ns));
    first.finished = outcome_facts::clock::time_point(std::chrono::nanoseconds(run->header.finished_ns));
    const detail::result_batch batch(first, run->ends, run->values);
    for (std::uint32_t i = 0; i < batch.count(); ++i) {
      const auto facts = batch.facts(i);
      const bool ok = run->header.ok != 0;
      all.push_back({facts.index, facts.lane, ok,
                     ok ? std::string(batch.value(i)) : detail::decode_failure(batch.value(i)).message,
                     facts.started.time_since_epoch().count(), facts.finished.time_since_epoch().count()});
    }
  }
  return all;
}

}  // namespace fanout::test
