#include "fetch/bodies/kept_part.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <string>

namespace {

using fanout::fetch::detail::kept_part;
using fanout::fetch::detail::strong_validator;
using fanout::http::response;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

response partial_answer(int status, fanout::http::headers headers) {
  response made;
  made.status = status;
  made.headers = std::move(headers);
  return made;
}

TEST(strong_validator, is_a_strong_tag_or_a_date_long_enough_ago) {
  EXPECT_EQ(strong_validator(partial_answer(200, {{"ETag", "\"a\""}})), "\"a\"");
  EXPECT_EQ(strong_validator(partial_answer(200, {{"ETag", "W/\"a\""}})), "");
  EXPECT_EQ(strong_validator(partial_answer(200, {})), "");
  const std::string changed = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(strong_validator(partial_answer(200, {{"Last-Modified", changed}})), "");  // how long ago?
  EXPECT_EQ(
      strong_validator(partial_answer(200, {{"Last-Modified", changed}, {"Date", "Sun, 06 Nov 1994 08:49:38 GMT"}})),
      "");
  EXPECT_EQ(
      strong_validator(partial_answer(200, {{"Last-Modified", changed}, {"Date", "Sun, 06 Nov 1994 08:50:37 GMT"}})),
      changed);
  EXPECT_EQ(strong_validator(
                partial_answer(200, {{"Last-Modified", "yesterday"}, {"Date", "Sun, 06 Nov 1994 08:50:37 GMT"}})),
            "");
  EXPECT_EQ(strong_validator(partial_answer(
                200, {{"ETag", "W/\"a\""}, {"Last-Modified", changed}, {"Date", "Sun, 06 Nov 1994 08:50:37 GMT"}})),
            "");
}

class kept_parts : public ::testing::Test {
 protected:
  std::optional<kept_part> found(const std::string& url = "http://h/") { return kept_part::find(part_, url, refused_); }
  kept_part ten_of_twenty() {
    directory_.write("file.part", std::string(10, 'x'));
    kept_part::remember(part_, "http://h/", partial_answer(200, {{"ETag", "\"a\""}, {"Content-Length", "20"}}));
    return found().value();
  }

  temporary_directory directory_;
  const std::string part_ = directory_ / "file.part";
  const std::string record_ = part_ + ".json";
  std::string refused_;
};

TEST_F(kept_parts, are_found_by_their_record) {
  EXPECT_FALSE(found());
  EXPECT_EQ(refused_, "");
  const kept_part there = ten_of_twenty();
  EXPECT_EQ(there.size(), 10u);
  EXPECT_EQ(read_file(record_), "{\"url\":\"http://h/\",\"validator\":\"\\\"a\\\"\",\"bytes\":20}\n");
  fanout::http::request ask;
  there.ask_for_rest(ask);
  EXPECT_EQ(ask.headers["range"], "bytes=10-");
  EXPECT_EQ(ask.headers["if-range"], "\"a\"");
  EXPECT_FALSE(found("http://other/"));
  EXPECT_THAT(refused_, HasSubstr("a part of http://h/"));
  directory_.write("file.part", "");
  EXPECT_FALSE(found());
}

TEST_F(kept_parts, without_a_whole_record_are_refused) {
  ten_of_twenty();
  const std::string whole = read_file(record_);
  for (std::size_t end = 0; end + 2 < whole.size(); ++end) {
    directory_.write("file.part.json", whole.substr(0, end));
    EXPECT_FALSE(found()) << end;
    EXPECT_THAT(refused_, HasSubstr("nothing tells")) << end;
  }
  for (const char* other : {"[]", "1", R"({"url":"http://h/"})", R"({"url":1,"validator":"x"})"}) {
    directory_.write("file.part.json", other);
    EXPECT_FALSE(found()) << other;
  }
}

TEST_F(kept_parts, are_remembered_only_where_they_can_be_gone_on_with) {
  for (const response& head : {partial_answer(200, {{"ETag", "W/\"a\""}}),
                               partial_answer(200, {{"ETag", "\"a\""}, {"Content-Encoding", "gzip"}}),
                               partial_answer(404, {{"ETag", "\"a\""}}), partial_answer(206, {{"ETag", "\"a\""}})}) {
    ten_of_twenty();
    kept_part::remember(part_, "http://h/", head);
    EXPECT_NE(access(record_.c_str(), F_OK), 0);
  }
}

TEST_F(kept_parts, judge_the_answer) {
  const kept_part there = ten_of_twenty();
  using enum kept_part::answer;
  const auto judged = [&](int status, fanout::http::headers headers) {
    std::string why;
    const auto verdict = there.judge(partial_answer(status, std::move(headers)), why);
    EXPECT_EQ(why.empty(), verdict == rest_follows || verdict == whole || verdict == no_answer);
    return verdict;
  };
  EXPECT_EQ(judged(206, {{"Content-Range", "bytes 10-19/20"}}), rest_follows);
  EXPECT_EQ(judged(206, {{"Content-Range", "bytes 10-19/20"}, {"ETag", "\"a\""}}), rest_follows);
  EXPECT_EQ(judged(206, {{"Content-Range", "bytes 10-19/*"}}), rest_follows);
  EXPECT_EQ(judged(206, {{"Content-Range", "bytes 10-19/20"}, {"ETag", "\"b\""}}), unusable);
  EXPECT_EQ(judged(206, {{"Content-Range", "bytes 10-19/20"}, {"Content-Encoding", "gzip"}}), unusable);
  for (const char* range : {"bytes 9-19/20", "bytes 11-19/20", "bytes 10-18/20", "bytes 10-20/21", "bytes 10-18/*",
                            "bytes */20", "bytes 10-/20", "bytes x-19/20", "bytes 10-19", "lines 10-19/20", ""})
    EXPECT_EQ(judged(206, {{"Content-Range", range}}), unusable) << range;
  EXPECT_EQ(judged(206, {}), unusable);
  EXPECT_EQ(judged(200, {{"ETag", "\"a\""}}), anew);
  EXPECT_EQ(judged(200, {{"ETag", "\"b\""}}), anew);
  EXPECT_EQ(judged(416, {{"Content-Range", "bytes */20"}}), unusable);
  EXPECT_EQ(judged(416, {{"Content-Range", "bytes */10"}}), unusable);  // it had twenty
  EXPECT_EQ(judged(416, {}), unusable);
  directory_.write("file.part", std::string(20, 'x'));
  const kept_part all = found().value();
  std::string why;
  EXPECT_EQ(all.judge(partial_answer(416, {{"Content-Range", "bytes */20"}}), why), whole);
  EXPECT_EQ(all.judge(partial_answer(416, {{"Content-Range", "bytes */20"}, {"ETag", "\"b\""}}), why), unusable);
  for (const int status : {301, 404, 500, 503}) EXPECT_EQ(judged(status, {}), no_answer) << status;
}

}  // namespace
