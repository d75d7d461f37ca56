#include <fanout/core/source.hpp>
#include <fanout/fetch/request_source.hpp>

#include "fetch/packing.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout_test::gzip;
using fanout_test::temporary_directory;
using fanout_test::zstd;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using namespace std::string_literals;

static_assert(fanout::waitable_source<request_source>);

class request_source_test : public fanout::test::leak_checked {
 protected:
  std::string list(const std::string& bytes) { return directory_.write("list", bytes); }
  temporary_directory directory_;
};

std::vector<std::string> urls(request_source source) {
  std::vector<std::string> all;
  while (const auto each = source.next()) all.push_back(each->url);
  return all;
}

template <class Call>
std::string source_refusal(Call call) {
  try {
    call();
  } catch (const std::runtime_error& why) {
    return why.what();
  }
  return "nothing was thrown";
}

TEST(parse_request, a_plain_line_is_a_url) {
  for (const char* line : {"http://a/b?c#d", "  http://a/b?c#d\t", "http://a/b?c#d\r\n"}) {
    const request made = parse_request(line);
    EXPECT_EQ(made.url, "http://a/b?c#d");
    EXPECT_EQ(made.method, "");
    EXPECT_EQ(made.problem, "");
  }
  EXPECT_EQ(parse_request("no url at all").url, "no url at all");  // whoever fetches it says what is wrong
}

TEST(parse_request, an_object_may_say_everything) {
  const request made = parse_request(
      R"({"url":"http://a/","id":"x","method":"PUT","headers":{"A":"1","B":"\u00e9"},"body":"hi","other":[1]})");
  EXPECT_EQ(made.problem, "");
  EXPECT_EQ(made.url, "http://a/");
  EXPECT_EQ(made.id, "x");
  EXPECT_EQ(made.method, "PUT");
  EXPECT_THAT(made.headers, ElementsAre(Pair("A", "1"), Pair("B", "\xc3\xa9")));
  EXPECT_EQ(made.body, "hi");
}

TEST(parse_request, what_is_null_or_left_out_is_not_given) {
  const request made = parse_request(R"({"url":"u","id":null,"method":null,"headers":null,"body":null})");
  EXPECT_EQ(made.problem, "");
  EXPECT_EQ(made.id + made.method + made.body, "");
  EXPECT_TRUE(made.headers.empty());
  EXPECT_EQ(parse_request(R"({"url":"u","id":17})").id, "17");
  EXPECT_EQ(parse_request(R"({"url":"u","id":-3})").id, "-3");
  EXPECT_EQ(parse_request(R"({"url":"u","id":18446744073709551615})").id, "18446744073709551615");
}

TEST(parse_request, what_is_wrong_is_named_and_the_line_kept) {
  const std::vector<std::pair<std::string, std::string>> table{
      {R"({"url":)", "incomplete"},
      {R"({"url":"u"} x)", "extra data"},
      {R"({})", "\"url\" is missing"},
      {R"({"url":""})", "\"url\" is missing"},
      {R"({"url":null})", "\"url\" is missing"},
      {R"({"url":7.5})", "\"url\" is not a string"},
      {R"({"url":"u","method":["GET"]})", "\"method\" is not a string"},
      {R"({"url":"u","id":true})", "\"id\" is not a string"},
      {R"({"url":"u","body":{}})", "\"body\" is not a string"},
      {R"({"url":"u","headers":["A: b"]})", "\"headers\" is not an object"},
      {R"({"url":"u","headers":{"A":1}})", "a value in \"headers\" is not a string"},
      {"{\"url\":\"\xff\"}", "syntax error"},
      {std::string(100'000, '{'), "no JSON request"},
      {R"({"url":"u","x":)" + std::string(1'000, '[') + std::string(1'000, ']') + "}", "too deep"},
  };
  for (const auto& [line, why] : table) {
    const request made = parse_request(line);
    EXPECT_THAT(made.problem, AllOf(HasSubstr("the line is no JSON request"), HasSubstr(why))) << line.substr(0, 80);
    EXPECT_EQ(made.url, line);
  }
}

TEST(parse_request, other_members_come_back) {
  EXPECT_EQ(parse_request(R"({"url":"u","label":1.50,"id":"x"})").extra, R"(,"label":1.50)");
  EXPECT_EQ(parse_request(R"({"url":"u","label":1.50})", false).extra, "");
  EXPECT_EQ(parse_request(R"({"label":1.50})").extra, "") << "what is no request has its whole line";
}

TEST_F(request_source_test, the_end_of_each_url) {
  const auto with = [](const std::string& url, const std::string& query, const std::string& name) {
    request_source source({url}, "");
    source.set_url_end(query, name);
    return source.next()->url;
  };
  EXPECT_EQ(with("http://a", "b=1", ""), "http://a?b=1");
  EXPECT_EQ(with("http://a/?x#f", "b=1", ""), "http://a/?x&b=1#f");
  EXPECT_EQ(with("http://a/?#f?", "b=1", ""), "http://a/?b=1#f?");
  EXPECT_EQ(with("http://a/?x&", "b=1", ""), "http://a/?x&b=1");
  EXPECT_EQ(with("http://a", "", "n m?%"), "http://a/n%20m%3F%25");
  EXPECT_EQ(with("a.test/b/?x", "", "n"), "a.test/b/n?x");
  EXPECT_EQ(with("a.test", "", "n"), "a.test/n");
  EXPECT_EQ(with("http://a/b", "q", "n"), "http://a/b?q");
}

TEST_F(request_source_test, urls_come_before_the_list) {
  EXPECT_THAT(urls({{"a", "b"}, list("c\nd\n")}), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(urls({{"a"}, ""}), ElementsAre("a"));
  EXPECT_THAT(urls({{}, ""}), ElementsAre());
}

TEST_F(request_source_test, lines_as_they_come) {
  EXPECT_THAT(urls({{}, list("a\r\n\r\n \t\nb\n\n\nc")}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(urls({{}, list("\xef\xbb\xbfhttp://a\nb\n")}), ElementsAre("http://a", "b"));
  EXPECT_THAT(urls({{}, list(gzip("\xef\xbb\xbfhttp://a\nb\n"))}), ElementsAre("http://a", "b"));
  EXPECT_THAT(urls({{},
                    list("a\n\xef\xbb\xbf"
                         "b\n")}),
              ElementsAre("a",
                          "\xef\xbb\xbf"
                          "b"));
  EXPECT_THAT(urls({{}, list("")}), ElementsAre());
  EXPECT_THAT(urls({{}, list("\n")}), ElementsAre());
  EXPECT_THAT(urls({{}, list("a")}), ElementsAre("a"));
  EXPECT_THAT(urls({{}, list("a\0b\nc"s)}), ElementsAre("a\0b"s, "c"));
}

TEST_F(request_source_test, packed_lists) {
  std::string text;
  std::vector<std::string> all;
  for (int i = 0; i < 100'000; ++i) text += all.emplace_back("http://host/" + std::to_string(i)) + "\n";
  const auto half = text.size() / 2;  // in mid-line
  const std::string one = text.substr(0, half), two = text.substr(half);
  EXPECT_TRUE(urls({{}, list(text)}) == all);
  EXPECT_TRUE(urls({{}, list(gzip(one) + gzip(two))}) == all);
  EXPECT_TRUE(urls({{}, list(zstd(one) + zstd(two))}) == all);
}

TEST_F(request_source_test, what_cannot_be_read_is_named) {
  const auto opening = [](const std::string& path) { return source_refusal([&] { request_source({}, path); }); };
  EXPECT_THAT(opening("/no/such/list"), AllOf(HasSubstr("/no/such/list"), HasSubstr("No such file")));
  EXPECT_THAT(opening(directory_.path()), AllOf(HasSubstr(directory_.path()), HasSubstr("directory")));
  const std::string packed = gzip("http://a\n");
  const std::string path = list(packed.substr(0, packed.size() - 1));
  request_source source({}, path);
  EXPECT_EQ(source.next()->url, "http://a");  // what there is comes first
  EXPECT_THAT(source_refusal([&] { source.next(); }), AllOf(HasSubstr(path), HasSubstr("gzip"), HasSubstr("middle")));
}

TEST_F(request_source_test, a_line_has_a_limit) {
  const std::string longest(request_source::max_line_bytes, 'x');
  EXPECT_EQ(urls({{}, list(longest + "\na\n")}).size(), 2u);
  EXPECT_THAT(source_refusal([&] { urls({{}, list(longest + longest)}); }), HasSubstr("a line of more than 16 MiB"));
}

TEST_F(request_source_test, defaults_for_what_is_not_given) {
  const auto only = [&](const std::string& line, std::string method, header_list headers, std::string body) {
    request_source source({}, list(line));
    source.set_defaults(std::move(method), std::move(headers), std::move(body));
    return source.next().value();
  };
  EXPECT_EQ(only("u", "", {}, "").method, "GET");
  EXPECT_EQ(only("u", "", {}, "text").method, "POST");
  EXPECT_EQ(only("u", "", {}, "text").body, "text");
  EXPECT_EQ(only("u", "PUT", {}, "text").method, "PUT");
  EXPECT_EQ(only(R"({"url":"u","body":"mine"})", "", {}, "").method, "POST");
  EXPECT_EQ(only(R"({"url":"u","body":"mine"})", "PATCH", {}, "text").method, "PATCH");
  EXPECT_EQ(only(R"({"url":"u","body":"mine","method":"PUT"})", "PATCH", {}, "text").method, "PUT");
  EXPECT_EQ(only(R"({"url":"u","body":"mine"})", "", {}, "text").body, "mine");
  EXPECT_THAT(only(R"({"url":"u","headers":{"b":"mine"}})", "", {{"A", "1"}, {"A", "2"}, {"B", "3"}}, "").headers,
              ElementsAre(Pair("A", "1"), Pair("A", "2"), Pair("b", "mine")));
}

/// A named pipe, which is a list that somebody is still writing.
class request_source_over_a_pipe : public request_source_test {
 protected:
  void SetUp() override {
    request_source_test::SetUp();
    path_ = directory_.path() + "/pipe";
    ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
    writer_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);  // both ends, so that neither open waits
    ASSERT_GE(writer_, 0);
  }
  void TearDown() override {
    close_writer();
    request_source_test::TearDown();
  }
  void send(const std::string& text) { ASSERT_EQ(write(writer_, text.data(), text.size()), ssize_t(text.size())); }
  void close_writer() {
    if (writer_ >= 0) close(writer_);
    writer_ = -1;
  }
  std::string path_;
  int writer_ = -1;
};

TEST_F(request_source_over_a_pipe, is_ready_when_a_whole_line_is_there) {
  request_source source({"first"}, path_);
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next()->url, "first");
  EXPECT_FALSE(source.ready());
  send("http://a\n\nhttp");
  pollfd readable{source.handle(), POLLIN, 0};
  EXPECT_EQ(poll(&readable, 1, 0), 1);
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next()->url, "http://a");
  send("://b");
  source.ready();
  send("\n");
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next()->url, "http://b");
  EXPECT_FALSE(source.ready());
  send("last");
  close_writer();
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next()->url, "last");
  EXPECT_TRUE(source.ready());
  EXPECT_FALSE(source.next());
}

TEST_F(request_source_over_a_pipe, blank_lines_are_no_reason_to_wait) {
  request_source source({}, path_);
  send("\n");
  EXPECT_FALSE(source.ready());
  send(" \n\r\n");
  EXPECT_FALSE(source.ready());
  send("a\n");
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next()->url, "a");
}

TEST_F(request_source_over_a_pipe, packed_text_is_ready_once_a_line_can_be_unpacked) {
  request_source source({}, path_);
  const std::string packed = gzip("http://a\n");
  for (std::size_t i = 0; i + 12 < packed.size(); ++i) {
    send(packed.substr(i, 1));
    ASSERT_FALSE(source.ready()) << i;
  }
  send(packed.substr(packed.size() - 12));
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next()->url, "http://a");
}

TEST_F(request_source_over_a_pipe, waits_where_somebody_made_it_non_blocking) {
  const int reader = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  request_source source({}, "/dev/fd/" + std::to_string(reader));
  ASSERT_EQ(fcntl(source.handle(), F_SETFL, O_NONBLOCK), 0);
  std::thread late([&] { send("http://a\n"); });
  EXPECT_EQ(source.next()->url, "http://a");
  late.join();
  close(reader);
}

// Every member, so that a new one that is forgotten is seen.
TEST_F(request_source_test, nothing_of_a_request_is_left_in_its_place_for_the_next_one) {
  const std::string lines =
      list("http://a.example/\n{\"url\":\"http://b.example/\",\"id\":\"7\"}\nhttp://c.example/\n");
  request_source clean({}, lines);
  request_source used({}, lines);
  while (const auto expected = clean.next()) {
    std::optional<request> place(std::in_place);
    request& old = *place;
    old.url = old.id = old.method = old.body = old.extra = old.file = old.sha256 = old.problem = "of the one before";
    old.headers = {{"X-Before", "1"}};
    old.mirrors = {"http://before.example/"};
    old.index = 17;
    old.earlier = std::make_shared<const earlier_attempts>();
    ASSERT_TRUE(used.next_into(place));
    const auto& [url, id, method, headers, body, extra, index, file, earlier, sha256, mirrors, problem] = *place;
    EXPECT_EQ(url, expected->url);
    EXPECT_EQ(id, expected->id);
    EXPECT_EQ(method, expected->method);
    EXPECT_EQ(headers, expected->headers);
    EXPECT_EQ(body, expected->body);
    EXPECT_EQ(extra, expected->extra);
    EXPECT_EQ(index, expected->index);
    EXPECT_EQ(file, expected->file);
    EXPECT_EQ(earlier, expected->earlier);
    EXPECT_EQ(sha256, expected->sha256);
    EXPECT_EQ(mirrors, expected->mirrors);
    EXPECT_EQ(problem, expected->problem);
  }
  std::optional<request> place(std::in_place);
  EXPECT_FALSE(used.next_into(place));
}

}  // namespace
