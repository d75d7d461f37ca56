// What a worker is told of itself: which wishes are refused, and how they travel. (test_worker_options.cpp has what
// they do in a worker.)

#include <fanout/base/failure.hpp>

#include "process/worker/worker_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace worker_settings_alone {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using testing::HasSubstr;

std::string refusal(const std::function<void(worker_options&)>& ask) {
  worker_options how;
  ask(how);
  try {
    worker_settings::validate(how);
  } catch (const std::invalid_argument& why) {
    return why.what();
  }
  return "accepted";
}

TEST(worker_settings, what_no_worker_could_be_given_is_refused_by_name) {
  EXPECT_EQ(refusal([](auto&) {}), "accepted");
  EXPECT_THAT(refusal([](auto& how) { how.memory_bytes = 1'000; }), HasSubstr("1000 bytes of memory"));
  EXPECT_EQ(refusal([](auto& how) { how.memory_bytes = 1 << 20; }), "accepted");
  EXPECT_THAT(refusal([](auto& how) { how.cpu_time = -1s; }), HasSubstr("-1 s of CPU time"));
  EXPECT_THAT(refusal([](auto& how) { how.niceness = 40; }), HasSubstr("niceness of 40"));
  EXPECT_EQ(refusal([](auto& how) { how.niceness = -39; }), "accepted");
  EXPECT_THAT(refusal([](auto& how) { how.cores = {0, 1'000'000}; }), HasSubstr("core 1000000"));
  EXPECT_THAT(refusal([](auto& how) { how.environment[""] = "x"; }), HasSubstr("environment"));
  EXPECT_THAT(refusal([](auto& how) { how.environment["A=B"] = "x"; }), HasSubstr("'A=B'"));
  EXPECT_THAT(refusal([](auto& how) { how.environment["A"] = std::string("x\0y", 3); }), HasSubstr("NUL"));
  EXPECT_EQ(refusal([](auto& how) { how.environment["A"] = std::nullopt; }), "accepted");
  EXPECT_THAT(refusal([](auto& how) { how.command = {""}; }), HasSubstr("names no program"));
  EXPECT_THAT(refusal([](auto& how) { how.command = {"nice", std::string("\0", 1)}; }), HasSubstr("NUL"));
  EXPECT_THAT(refusal([](auto& how) { how.directory = std::string("a\0b", 3); }), HasSubstr("NUL"));
}

worker_options all_asked_for() {
  worker_options how;
  how.memory_bytes = 123'456'789;
  how.cpu_time = 77s;
  how.niceness = -3;
  how.cores = {5, 9};
  how.initializer = worker_call{"open", "context", "argument"};
  return how;
}

TEST(worker_settings, cores_go_round_among_the_workers) {
  EXPECT_EQ(worker_settings::of(all_asked_for(), 0).core, 5);
  EXPECT_EQ(worker_settings::of(all_asked_for(), 1).core, 9);
  EXPECT_EQ(worker_settings::of(all_asked_for(), 4).core, 5);
  EXPECT_EQ(worker_settings::of({}, 0).core, -1) << "anywhere";
}

TEST(worker_settings, are_read_back_as_they_were_written) {
  std::string bytes;
  worker_settings::of(all_asked_for(), 1).encode(bytes);
  const auto got = worker_settings::decode(bytes);
  EXPECT_EQ(got.memory_bytes, 123'456'789U);
  EXPECT_EQ(got.cpu_seconds, 77);
  EXPECT_EQ(got.niceness, -3);
  EXPECT_EQ(got.core, 9);
  ASSERT_TRUE(got.initializer);
  EXPECT_EQ(got.initializer->function, "open");
  EXPECT_EQ(got.initializer->context, "context");
  EXPECT_EQ(got.initializer->argument, "argument");
  EXPECT_FALSE(got.finalizer);
}

TEST(worker_settings, that_are_cut_at_any_byte_are_a_protocol_error) {
  std::string bytes;
  worker_settings::of(all_asked_for(), 1).encode(bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    try {
      worker_settings::decode(std::string_view(bytes).substr(0, size));
      ADD_FAILURE() << "cut after " << size;
    } catch (const error& why) {
      EXPECT_EQ(why.kind(), failure_kind::protocol) << "cut after " << size;
    }
  }
}

TEST(worker_settings, follow_the_set_up_in_its_frame) {
  std::string bytes;
  worker_settings::of(all_asked_for(), 0).write_setup(bytes, {.threads = 3, .in_flight = 4});
  frame_reader reader;
  std::copy(bytes.begin(), bytes.end(), reader.prepare(bytes.size()));
  reader.added(bytes.size());
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, frame_type::setup);
  std::string_view payload = frame->payload;
  EXPECT_EQ(mismatch(*take_raw<hello_frame>(payload), "parent"), "");
  EXPECT_EQ(take_raw<setup_frame>(payload)->threads, 3U);
  EXPECT_EQ(worker_settings::decode(payload).core, 5);
}

TEST(worker_settings, an_initializer_that_is_unknown_says_so_and_nothing_was_limited) {
  worker_settings own;
  own.initializer = worker_call{"no such function", "", ""};
  try {
    own.enter();
    ADD_FAILURE() << "it must throw";
  } catch (const std::runtime_error& why) {
    EXPECT_THAT(why.what(), HasSubstr("the initializer failed"));
    EXPECT_THAT(why.what(), HasSubstr("no such function"));
  }
  own.finalizer = worker_call{"no such function", "", ""};
  EXPECT_THAT(own.leave(), HasSubstr("the finalizer failed"));
  EXPECT_EQ(worker_settings().leave(), "");
}

}  // namespace worker_settings_alone
