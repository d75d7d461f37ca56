// What an engine and its nodes say to each other, in bytes: whole, cut at every byte, changed at every byte.

#include "process/node/node_message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace node_messages {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using testing::HasSubstr;

node_header header() {
  node_header of;
  of.run = 0x0102030405060708;
  of.function = 99;
  return of;
}

node_terms terms() {
  node_terms all{
      .function = "f", .context = "bound", .shape = "2x1x16", .limit = 3s, .heartbeat = 250ms, .coroutine = true};
  all.workers.retries = 2;
  all.workers.quarantine_after = 5;
  all.workers.start_timeout = 7s;
  all.workers.max_tasks = 1'000;
  all.workers.initializer = worker_call{"open", "c", "a"};
  all.workers.memory_bytes = 1 << 30;
  all.workers.cpu_time = 9s;
  all.workers.niceness = -5;
  all.workers.directory = "/tmp";
  all.workers.environment = {{"A", "b"}, {"GONE", std::nullopt}};
  return all;
}

encoded_values values(const std::vector<std::string>& texts) {
  encoded_values all;
  for (const std::string& each : texts) {
    all.open() += each;
    EXPECT_TRUE(all.close());
  }
  return all;
}

std::string some_outcomes() {
  outcomes_writer writer(header());
  writer.add({.index = 7, .lane = 2, .started_ago = 5ms, .elapsed = 3ms, .cpu = 1ms, .result = "value"});
  const failure reason{.kind = failure_kind::task_failed,
                       .message = "no such row",
                       .type = "row_error",
                       .where = "rows.cpp:7",
                       .elapsed = 2ms,
                       .attempts = 3,
                       .signal = 9};
  writer.add({.index = 8, .started_ago = 2ms, .elapsed = 2ms, .result = reason});
  EXPECT_EQ(writer.count(), 2U);
  return writer.take();
}

/// Reads the body of a message as its receiver would.
void read_all(std::string_view message) {
  const node_header said = take_header(message);
  switch (said.type) {
    case node_message::open:
      decode_open(message);
      break;
    case node_message::ready:
      decode_ready(message);
      break;
    case node_message::inputs:
      decode_inputs(message);
      break;
    case node_message::outcomes: {
      outcomes_reader reader(message);
      for (node_outcome each; reader.next(each);) continue;
      break;
    }
    case node_message::done:
      decode_done(message);
      break;
    case node_message::refused:
      decode_refused(message);
      break;
    case node_message::finish:
    case node_message::cancel:
      break;
  }
}

std::vector<std::string> one_of_each() {
  return {encode_open(header(), terms()),
          encode_ready(header(), {.tasks = 32, .lanes = 2, .processes = 2}),
          encode_inputs(header(), 40, values({"a", "bb", "ccc"}), 0, 3),
          encode_inputs(header(), 40, values({"aa", "bb"}), 0, 2),
          some_outcomes(),
          encode_bare(header(), node_message::finish),
          encode_done(header(), report()),
          encode_refused(header(), "it is full")};
}

TEST(node_message, begins_with_its_run_its_type_its_function_and_its_build) {
  const std::string message = encode_bare(header(), node_message::cancel);
  std::string_view body = message;
  const node_header said = take_header(body);
  EXPECT_EQ(said.type, node_message::cancel);
  EXPECT_EQ(said.run, header().run);
  EXPECT_EQ(said.function, 99U);
  EXPECT_EQ(said.build, own_build());
  EXPECT_TRUE(body.empty());
  std::uint64_t run = 0;
  EXPECT_TRUE(is_node_message(message, run));
  EXPECT_EQ(run, header().run);
}

TEST(node_message, the_terms_of_a_run_are_read_as_they_were_written) {
  const std::string message = encode_open(header(), terms());
  std::string_view body = message;
  EXPECT_EQ(take_header(body).function, function_digest("f", "bound"));
  const node_terms got = decode_open(body);
  EXPECT_EQ(got.function, "f");
  EXPECT_EQ(got.context, "bound");
  EXPECT_EQ(got.shape, "2x1x16");
  EXPECT_EQ(got.limit, 3s);
  EXPECT_EQ(got.heartbeat, 250ms);
  EXPECT_TRUE(got.coroutine);
  EXPECT_EQ(got.workers.retries, 2U);
  EXPECT_EQ(got.workers.quarantine_after, 5U);
  EXPECT_EQ(got.workers.start_timeout.count(), std::chrono::nanoseconds(7s).count());
  EXPECT_EQ(got.workers.max_tasks, 1'000U);
  ASSERT_TRUE(got.workers.initializer);
  EXPECT_EQ(got.workers.initializer->argument, "a");
  EXPECT_FALSE(got.workers.finalizer);
  EXPECT_EQ(got.workers.memory_bytes, 1U << 30);
  EXPECT_EQ(got.workers.cpu_time.count(), 9);
  EXPECT_EQ(got.workers.niceness, -5);
  EXPECT_EQ(got.workers.directory, "/tmp");
  EXPECT_EQ(got.workers.environment, terms().workers.environment);
}

TEST(node_message, a_part_of_a_batch_is_read_as_that_part) {
  for (const auto& texts : {std::vector<std::string>{"a", "bb", "", "dddd"}, {"aa", "bb", "cc", "dd"}}) {
    const encoded_values all = values(texts);
    for (std::uint32_t from = 0; from < 4; ++from)
      for (std::uint32_t to = from + 1; to <= 4; ++to) {
        const std::string message = encode_inputs(header(), 40 + from, all, from, to);
        std::string_view body = message;
        take_header(body);
        const node_inputs got = decode_inputs(body);
        EXPECT_EQ(got.first_index, 40U + from);
        ASSERT_EQ(got.inputs.count(), to - from);
        for (std::uint32_t i = from; i < to; ++i) EXPECT_EQ(got.inputs[i - from], texts[i]);
      }
  }
}

TEST(node_message, outcomes_are_read_one_after_the_other) {
  const std::string message = some_outcomes();
  std::string_view body = message;
  take_header(body);
  outcomes_reader reader(body);
  node_outcome got;
  ASSERT_TRUE(reader.next(got));
  EXPECT_EQ(got.index, 7U);
  EXPECT_EQ(got.lane, 2U);
  EXPECT_EQ(got.started_ago, 5ms);
  EXPECT_EQ(got.elapsed, 3ms);
  EXPECT_EQ(got.cpu, 1ms);
  EXPECT_EQ(std::get<std::string_view>(got.result), "value");
  ASSERT_TRUE(reader.next(got));
  const failure& reason = std::get<failure>(got.result);
  EXPECT_EQ(reason.kind, failure_kind::task_failed);
  EXPECT_EQ(reason.message, "no such row");
  EXPECT_EQ(reason.type, "row_error");
  EXPECT_EQ(reason.where, "rows.cpp:7");
  EXPECT_EQ(reason.attempts, 3);
  EXPECT_EQ(reason.signal, 9);
  EXPECT_EQ(got.cpu, -1ns);
  EXPECT_FALSE(reader.next(got));
}

TEST(node_message, a_writer_is_empty_again_after_its_message) {
  outcomes_writer writer(header());
  const std::size_t empty = writer.bytes();
  writer.add({.index = 1, .result = "x"});
  writer.take();
  EXPECT_EQ(writer.count(), 0U);
  EXPECT_EQ(writer.bytes(), empty);
}

TEST(node_message, a_report_and_a_reason_are_read_as_they_were_written) {
  report cost;
  cost.cpu_user = 1s;
  cost.cpu_system = 2s;
  cost.voluntary_switches = 3;
  cost.involuntary_switches = 4;
  cost.peak_rss_bytes = 5;
  cost.ipc_bytes = 6;
  cost.restarts = 7;
  const std::string done = encode_done(header(), cost);
  std::string_view body = done;
  take_header(body);
  const report got = decode_done(body);
  EXPECT_EQ(got.cpu_user, 1s);
  EXPECT_EQ(got.cpu_system, 2s);
  EXPECT_EQ(got.voluntary_switches, 3U);
  EXPECT_EQ(got.involuntary_switches, 4U);
  EXPECT_EQ(got.peak_rss_bytes, 5U);
  EXPECT_EQ(got.ipc_bytes, 6U);
  EXPECT_EQ(got.restarts, 7U);
  const std::string refused = encode_refused(header(), "it is full");
  body = refused;
  take_header(body);
  EXPECT_EQ(decode_refused(body), "it is full");
}

TEST(node_message, bytes_that_are_cut_anywhere_are_a_protocol_error_or_a_shorter_message) {
  for (const std::string& whole : one_of_each()) {
    EXPECT_NO_THROW(read_all(whole));
    int accepted = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      try {
        read_all(std::string_view(whole).substr(0, size));
        ++accepted;
      } catch (const error& why) {
        EXPECT_EQ(why.kind(), failure_kind::protocol);
      }
    }
    // A reason ends where its text ends, and outcomes are a sequence without an end of its own: a carrier keeps
    // messages whole.
    const auto type = [&] {
      std::string_view body = whole;
      return take_header(body).type;
    }();
    const int possible = type == node_message::refused ? 10 : type == node_message::outcomes ? 2 : 0;
    EXPECT_EQ(accepted, possible) << "of type " << static_cast<int>(type);
  }
}

TEST(node_message, bytes_that_are_changed_anywhere_are_read_or_refused_and_nothing_else) {
  for (const std::string& whole : one_of_each())
    for (std::size_t at = 0; at < whole.size(); ++at)
      for (const int change : {0x01, 0x80, 0xff}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ change);
        try {
          read_all(changed);
        } catch (const error& why) {
          EXPECT_EQ(why.kind(), failure_kind::protocol) << why.what();
        }
      }
}

std::string refusal(const std::function<void()>& read) {
  try {
    read();
  } catch (const error& why) {
    return why.what();
  }
  return "";
}

TEST(node_message, what_cannot_be_is_refused_with_the_reason) {
  std::string later = encode_bare(header(), node_message::finish);
  later[4] = 9;
  EXPECT_THAT(refusal([&] { read_all(later); }), HasSubstr("of version 9"));
  EXPECT_THAT(refusal([] { read_all("GET / HTTP/1.1"); }), HasSubstr("no message between engine and node"));
  EXPECT_THAT(refusal([] { read_all(encode_ready(header(), {.tasks = 0})); }), HasSubstr("no place for a task"));
  EXPECT_THAT(refusal([] { read_all(encode_inputs(header(), 0, values({"a"}), 0, 0)); }), HasSubstr("no inputs"));
  EXPECT_THAT(refusal([] { read_all(encode_inputs(header(), ~std::uint64_t{0}, values({"a"}), 0, 1)); }),
              HasSubstr("beyond all"));
  EXPECT_THAT(refusal([] { read_all(encode_ready(header(), {}) + "x"); }), HasSubstr("left over"));
  EXPECT_THAT(refusal([] {
                outcomes_writer writer(header());
                writer.add({.started_ago = 1ms, .elapsed = 2ms, .result = "x"});
                read_all(writer.take());
              }),
              HasSubstr("in the future"));
}

TEST(node_message, another_build_must_not_act_on_it) {
  node_header said = header();
  EXPECT_EQ(mismatch(said, "node"), "");
  said.build.back() ^= 1;
  EXPECT_THAT(mismatch(said, "node"), HasSubstr("the node is another build"));
}

TEST(node_message, the_digest_of_a_function_tells_names_and_contexts_apart) {
  EXPECT_EQ(function_digest("f", "c"), function_digest("f", "c"));
  EXPECT_NE(function_digest("f", "c"), function_digest("f", "d"));
  EXPECT_NE(function_digest("f", "c"), function_digest("fc", ""));
  EXPECT_EQ(function_digest("", ""), 0xaf63bd4c8601b7dfU) << "FNV-1a of one zero byte, on every machine";
}

}  // namespace node_messages
