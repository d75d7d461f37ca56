// The bytes between a process and its workers.

#include <fanout/process/codec.hpp>

#include "process/channel/wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;

std::string frame_of(frame_type type, std::string_view payload) {
  std::string bytes;
  frame_writer frame(bytes, type);
  bytes += payload;
  EXPECT_EQ(frame.payload_bytes(), payload.size());
  frame.close();
  return bytes;
}

void feed(frame_reader& reader, std::string_view bytes) {
  std::memcpy(reader.prepare(bytes.size()), bytes.data(), bytes.size());
  reader.added(bytes.size());
}

TEST(wire, frames_arrive_byte_by_byte) {
  const std::string bytes = frame_of(frame_type::hello, "") + frame_of(frame_type::tasks, std::string(1000, 't')) +
                            frame_of(frame_type::bye, "last");
  frame_reader reader;
  std::vector<std::string> payloads;
  for (const char byte : bytes) {
    feed(reader, {&byte, 1});
    while (const auto frame = reader.next()) payloads.emplace_back(frame->payload);
  }
  EXPECT_THAT(payloads, testing::ElementsAre("", std::string(1000, 't'), "last"));
  EXPECT_TRUE(reader.empty());
}

TEST(wire, many_frames_arrive_at_once_and_a_part_of_the_next) {
  const std::string one = frame_of(frame_type::results, "result");
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += one;
  frame_reader reader;
  feed(reader, bytes + one.substr(0, 5));
  int frames = 0;
  while (reader.next()) ++frames;
  EXPECT_EQ(frames, 1000);
  EXPECT_FALSE(reader.empty());
  feed(reader, std::string_view(one).substr(5));
  EXPECT_TRUE(reader.next());
  EXPECT_TRUE(reader.empty());
}

TEST(wire, room_asked_for_and_not_used_does_no_harm) {
  const std::string one = frame_of(frame_type::tasks, std::string(300'000, 'x'));
  frame_reader reader;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t at = 0; at < one.size(); at += 100'000) {
      const std::string_view part = std::string_view(one).substr(at, 100'000);
      std::memcpy(reader.prepare(256 * 1024), part.data(), part.size());
      reader.added(part.size());
    }
    const auto frame = reader.next();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->payload, std::string(300'000, 'x'));
  }
}

TEST(wire, when_a_coroutine_held_its_thread_survives_the_way) {
  using point = std::chrono::steady_clock::time_point;
  const std::vector<held_span> spans{{point(10ns), point(20ns)}, {point(25ns), point(1h)}};
  std::string bytes;
  encode_held(spans, bytes);
  const auto read = decode_held(bytes);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[1].from, spans[1].from);
  EXPECT_EQ((*read)[1].to, spans[1].to);
  bytes.pop_back();
  EXPECT_FALSE(decode_held(bytes));
}

TEST(wire, what_is_no_frame_is_refused) {
  const auto refused = [](const frame_header& header) {
    std::string bytes;
    append_raw(bytes, header);
    frame_reader reader;
    feed(reader, bytes);
    EXPECT_THROW(reader.next(), error) << header.bytes;
  };
  refused({max_frame_bytes + 1, frame_type::tasks});
  refused({10, static_cast<frame_type>(0)});
  refused({10, static_cast<frame_type>(12)});
  frame_reader reader;
  feed(reader, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_THROW(reader.next(), error);
}

TEST(wire, taking_more_than_there_is_takes_nothing) {
  std::string_view bytes = "abc";
  EXPECT_FALSE(take_raw<std::uint32_t>(bytes));
  EXPECT_FALSE(take_bytes(bytes, 4));
  EXPECT_FALSE(take_bytes(bytes, ~std::uint64_t{0}));
  EXPECT_EQ(take_bytes(bytes, 3), "abc");
  EXPECT_EQ(take_bytes(bytes, 0), "");
}

TEST(wire, a_failure_arrives_as_it_was) {
  failure sent{.kind = failure_kind::tls, .message = "no", .type = "a::b", .elapsed = 7ms, .attempts = 4, .signal = 9};
  std::string bytes;
  encode_failure(sent, bytes);
  const failure got = decode_failure(bytes);
  EXPECT_EQ(got.kind, sent.kind);
  EXPECT_EQ(got.message, sent.message);
  EXPECT_EQ(got.type, sent.type);
  EXPECT_EQ(got.elapsed, sent.elapsed);
  EXPECT_EQ(got.attempts, sent.attempts);
  EXPECT_EQ(got.signal, sent.signal);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(decode_failure(std::string_view(bytes).substr(0, length)), error) << length;
  bytes[0] = 99;
  EXPECT_THROW(decode_failure(bytes), error) << "an unknown kind";
}

// Values --------------------------------------------------------------------------------------------------------------

template <class T>
void expect_round_trip(const T& value) {
  std::string bytes;
  encode_value(value, bytes);
  EXPECT_EQ(decode_value<T>(bytes), value);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW(decode_value<T>(std::string_view(bytes).substr(0, length)), error) << "truncated to " << length;
  EXPECT_THROW(decode_value<T>(bytes + '\0'), error) << "bytes left over";
}

TEST(codec, standard_types_make_the_round_trip) {
  expect_round_trip(true);
  expect_round_trip('x');
  expect_round_trip(-1);
  expect_round_trip(~std::uint64_t{0});
  expect_round_trip(3.25);
  expect_round_trip(std::string("text\0with zero", 14));
  expect_round_trip(std::vector<int>{1, 2, 3});
  expect_round_trip(std::vector<bool>{true, false, true});
  expect_round_trip(std::vector<std::string>{"", "a", std::string(100, 'b')});
  expect_round_trip(std::vector<std::vector<double>>{{1.5}, {}, {2, 3}});
  expect_round_trip(std::array<short, 3>{1, 2, 3});
  expect_round_trip(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  expect_round_trip(std::unordered_map<int, std::string>{{1, "a"}});
  expect_round_trip(std::set<int>{3, 1});
  expect_round_trip(std::optional<int>{5});
  expect_round_trip(std::optional<int>{});
  expect_round_trip(std::pair<int, std::string>{1, "one"});
  expect_round_trip(std::tuple<int, char, double>{1, 'c', 2.0});
  expect_round_trip(std::variant<int, std::string>{"text"});
  expect_round_trip(std::chrono::milliseconds(1500));
}

TEST(codec, a_corrupt_size_is_refused_before_anything_is_allocated) {
  std::string bytes;
  append_raw(bytes, ~std::uint64_t{0} / 16);
  bytes += "abc";
  EXPECT_THROW(decode_value<std::string>(bytes), error);
  EXPECT_THROW(decode_value<std::vector<int>>(bytes), error);
  EXPECT_THROW((decode_value<std::map<int, int>>(bytes)), error);
  EXPECT_THROW(decode_value<std::vector<std::string>>(bytes), error);
}

struct opaque {
  int* pointer = nullptr;
};
struct no_default {
  explicit no_default(int start) : x(start) {}
  int x;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(x);
  }
};

TEST(codec, what_can_travel_is_known_when_compiling) {
  static_assert(serializable<int> && serializable<void> && serializable<std::vector<std::string>>);
  static_assert(!serializable<opaque> && !serializable<no_default>);
}

}  // namespace
