// A request's body, piece by piece, before a stream frames it.
#include <fanout/base/failure.hpp>

#include "http/body/outgoing_body.hpp"
#include "support/temporary_directory.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace fanout::http;
using testing::HasSubstr;

struct pieces {
  std::vector<std::string> left;
};

fanout::task<std::string> next_of(std::shared_ptr<pieces> from) {
  if (from->left.empty()) co_return std::string{};
  std::string next = std::move(from->left.front());
  from->left.erase(from->left.begin());
  co_return next;
}

body_pieces stream_of(std::vector<std::string> all) {
  auto shared = std::make_shared<pieces>(pieces{std::move(all)});
  return [shared] { return next_of(shared); };
}

void pull(outgoing_body& body) {
  boost::asio::io_context loop(1);
  std::exception_ptr failed;
  boost::asio::co_spawn(loop, body.pull(), [&](std::exception_ptr thrown) { failed = std::move(thrown); });
  loop.run();
  if (failed) std::rethrow_exception(failed);
}

std::string all_of(outgoing_body& body) {
  std::string all;
  body.rewind();
  for (std::string_view part;;) {
    switch (body.take(part)) {
      case outgoing_body::next::bytes:
        all += part;
        break;
      case outgoing_body::next::pull:
        pull(body);
        break;
      case outgoing_body::next::end:
        return all;
    }
  }
}

fanout::failure failure_to_write(const request& what) {
  outgoing_body body;
  try {
    body.open(what);
    all_of(body);
  } catch (const fanout::error& thrown) {
    return thrown.failure();
  }
  return {};
}

TEST(outgoing_body, none) {
  outgoing_body body;
  body.open({});
  EXPECT_FALSE(body.any());
}

TEST(outgoing_body, in_memory_as_often_as_it_is_wanted) {
  request what;
  what.body = "hello";
  outgoing_body body;
  body.open(what);
  EXPECT_TRUE(body.in_memory());
  EXPECT_EQ(body.length(), 5u);
  EXPECT_EQ(all_of(body), "hello");
  EXPECT_EQ(all_of(body), "hello");
}

TEST(outgoing_body, of_a_file) {
  const fanout_test::temporary_directory directory;
  const std::string contents(200'000, 'x');
  const std::string path = directory.write("body", contents);
  request what;
  what.body_from = body_source::file(path);
  {
    outgoing_body body;
    body.open(what);
    EXPECT_EQ(body.length(), contents.size());
    EXPECT_EQ(all_of(body), contents);
    EXPECT_EQ(all_of(body), contents);
    body.rewind();
    std::filesystem::resize_file(path, 10);
    std::string_view part;
    EXPECT_EQ(body.take(part), outgoing_body::next::bytes);
    EXPECT_THROW(body.take(part), fanout::error) << "it became shorter";
  }
  std::filesystem::remove(path);
  const auto missing = failure_to_write(what);
  EXPECT_EQ(missing.kind, fanout::failure_kind::invalid_request);
  EXPECT_THAT(missing.message, HasSubstr(path));
}

TEST(outgoing_body, generated_anew_for_each_sending) {
  request what;
  what.body_from = body_source::generated([] { return stream_of({"hello ", "world"}); });
  outgoing_body body;
  body.open(what);
  EXPECT_EQ(body.length(), std::nullopt);
  EXPECT_EQ(all_of(body), "hello world");
  EXPECT_EQ(all_of(body), "hello world");
  EXPECT_TRUE(body.can_be_sent_again());
}

TEST(outgoing_body, a_length_that_is_not_kept_is_a_failure) {
  for (const std::uint64_t length : {4u, 6u}) {
    request what;
    what.body_from = body_source::generated([] { return stream_of({"hel", "lo"}); }, length);
    EXPECT_EQ(failure_to_write(what).kind, fanout::failure_kind::invalid_request) << length;
  }
  request what;
  what.body_from = body_source::generated([] { return stream_of({"hel", "lo"}); }, 5);
  EXPECT_EQ(failure_to_write(what).message, "");
}

TEST(outgoing_body, what_can_be_had_once_is_not_sent_twice) {
  request what;
  what.url = url("http://here.test/");
  what.body_from = body_source::once(stream_of({"hello"}));
  outgoing_body body;
  body.open(what);
  EXPECT_TRUE(body.can_be_sent_again()) << "nothing was taken yet";
  EXPECT_EQ(all_of(body), "hello");
  EXPECT_FALSE(body.can_be_sent_again());
  EXPECT_EQ(failure_to_write(what).kind, fanout::failure_kind::refused_by_policy);
}

TEST(outgoing_body, two_bodies_are_one_too_many) {
  request what;
  what.body = "hello";
  what.body_from = body_source::file("/dev/null");
  EXPECT_THAT(failure_to_write(what).message, HasSubstr("two bodies"));
}

}  // namespace
