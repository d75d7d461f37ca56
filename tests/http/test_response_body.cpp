// What becomes of a body's bytes, whatever frames them.
#include "http/body/response_body.hpp"
#include "http/coded.hpp"
#include "http/owning_parser.hpp"
#include "http/support.hpp"
#include "support/sanitized.hpp"

#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

namespace {

using namespace fanout_test;
using response_body = owning_body<fanout::http::response_body>;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::headers;
using testing::HasSubstr;

fanout::failure fault_of(const response_body& body) {
  return failure_of([&] { body.raise("a server"); });
}

TEST(response_body, is_kept_or_counted) {
  const client_options options;
  for (const bool keep : {true, false}) {
    response_body body(options, keep);
    EXPECT_TRUE(body.announce(5));
    EXPECT_TRUE(body.store("he") && body.store("llo") && body.end());
    EXPECT_EQ(body.text(), keep ? "hello" : "");
    EXPECT_EQ(body.bytes(), 5u);
    EXPECT_EQ(body.coded_bytes(), 5u);
    EXPECT_TRUE(body.decoded());
  }
}

TEST(response_body, has_a_limit_announced_or_not) {
  client_options options;
  options.max_body_bytes = 5;
  response_body exact(options, true);
  EXPECT_TRUE(exact.announce(5) && exact.store("hello") && exact.end());
  EXPECT_FALSE(exact.store("!"));
  EXPECT_EQ(fault_of(exact).kind, failure_kind::too_large);
  EXPECT_THAT(fault_of(exact).message, HasSubstr("the body from a server is over the limit of 5 bytes"));
  response_body announced(options, true);
  EXPECT_FALSE(announced.announce(6));
  EXPECT_TRUE(announced.is_too_large(6));
  EXPECT_EQ(fault_of(announced).kind, failure_kind::too_large);
}

// What is freed is used again: a fault of each page for each body costs more than the body.
TEST(response_body, large_ones_do_not_clear_their_memory_anew) {
  if (fanout::test::sanitized) GTEST_SKIP() << "a sanitizer has an allocator of its own";
  constexpr int at_once = 10, times = 20;
  const client_options options;
  const std::string content(1024 * 1024, 'x');
  const auto faults = [] {
    rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_minflt;
  };
  const auto receive_all = [&] {
    std::vector<std::unique_ptr<response_body>> bodies;
    for (int i = 0; i < at_once; ++i) {
      bodies.push_back(std::make_unique<response_body>(options, true));
      EXPECT_TRUE(bodies.back()->announce(content.size()) && bodies.back()->store(content) && bodies.back()->end());
    }
  };
  receive_all();
  receive_all();
  const auto before = faults();
  for (int i = 0; i < times; ++i) receive_all();
  EXPECT_LT(faults() - before, times * at_once) << "at most a page of each body; each has 256";
}

TEST(response_body, what_is_announced_is_a_claim) {
  const client_options options;
  response_body body(options, true);
  EXPECT_TRUE(body.announce(options.max_body_bytes));
  EXPECT_LE(body.text().capacity(), 2u << 20) << "a gigabyte is not set aside for it";
}

TEST(response_body, is_decoded_on_the_way) {
  const client_options options;
  const std::string packed = coded("hello", "gzip");
  response_body body(options, true);
  EXPECT_TRUE(body.begin_decoding({{"Content-Encoding", "gzip"}}, 200));
  for (const char byte : packed) EXPECT_TRUE(body.store({&byte, 1}));
  EXPECT_FALSE(body.decoded());
  EXPECT_TRUE(body.end());
  EXPECT_TRUE(body.decoded());
  EXPECT_EQ(body.text(), "hello");
  EXPECT_EQ(body.bytes(), 5u);
  EXPECT_EQ(body.coded_bytes(), packed.size());
}

TEST(response_body, that_is_a_part_or_asked_for_as_it_is_stays_coded) {
  client_options options;
  const std::string packed = coded("hello", "gzip");
  for (const int status : {206, 200}) {
    response_body body(options, true);
    EXPECT_TRUE(body.begin_decoding({{"Content-Encoding", "gzip"}}, status));
    EXPECT_TRUE(body.store(packed) && body.end());
    EXPECT_EQ(body.text(), packed);
    options.decode_content = false;
  }
}

TEST(response_body, that_cannot_be_decoded_says_why) {
  const client_options options;
  response_body garbage(options, true);
  EXPECT_TRUE(garbage.begin_decoding({{"Content-Encoding", "gzip"}}, 200));
  EXPECT_FALSE(garbage.store("no gzip at all"));
  EXPECT_EQ(fault_of(garbage).kind, failure_kind::protocol);
  EXPECT_THAT(fault_of(garbage).message, HasSubstr("a server sent a body that cannot be decoded"));
  response_body cut(options, true);
  EXPECT_TRUE(cut.begin_decoding({{"Content-Encoding", "gzip"}}, 200));
  EXPECT_TRUE(cut.store(coded("hello", "gzip").substr(0, 12)));
  EXPECT_FALSE(cut.end());
  EXPECT_THAT(fault_of(cut).message, HasSubstr("cut off"));
  response_body tower(options, true);
  EXPECT_FALSE(tower.begin_decoding({{"Content-Encoding", "gzip, gzip, gzip, gzip, gzip"}}, 200));
  EXPECT_EQ(fault_of(tower).kind, failure_kind::protocol);
}

TEST(response_body, waits_for_room_to_decode_into) {
  const client_options options;
  const std::string plain(100'000, 'x');
  response_body body(options, true);
  body.keep_at_most(1000);
  EXPECT_TRUE(body.begin_decoding({{"Content-Encoding", "gzip"}}, 200));
  EXPECT_TRUE(body.store(coded(plain, "gzip")) && body.end());
  std::string all;
  while (!body.decoded()) {
    EXPECT_LE(body.text().size(), 20'000u);
    all += std::exchange(body.text(), {});
    ASSERT_TRUE(body.decode_more() && body.end());
  }
  EXPECT_TRUE(all + body.text() == plain);
}

TEST(response_body, that_nobody_wants_is_short) {
  const client_options options;
  response_body body(options, true);
  body.begin_unwanted(3);
  EXPECT_TRUE(body.store("abc"));
  EXPECT_EQ(body.text(), "");
  EXPECT_TRUE(body.is_too_large(4));
  EXPECT_FALSE(body.store("d"));
}

}  // namespace
