#include <fanout/fetch/har.hpp>

#include "support/temporary_directory.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;
using fanout_test::read_file;
using fanout_test::temporary_directory;
namespace json = boost::json;
using namespace std::chrono_literals;

request post() {
  request made;
  made.url = "http://a.test/x?a=1&b";
  made.method = "POST";
  made.body = "c=3";
  return made;
}

record redirected() {
  record made;
  made.status = 200;
  made.bytes = 4;
  made.elapsed_ns = 10'000'000;
  made.final_url = "https://b.test/y";
  made.sent_heads =
      "POST /x?a=1&b HTTP/1.1\r\nHost: a.test\r\nContent-Type: text/x\r\n\r\nGET /y HTTP/1.1\r\nHost: b.test\r\n\r\n";
  made.heads =
      "HTTP/1.1 302 Found It\r\nLocation: https://b.test/y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
  made.measured = timings{.name_lookup_ns = 1'000'000,
                          .connect_ns = 2'000'000,
                          .tls_ns = 1'000'000,
                          .first_byte_ns = 7'000'000,
                          .remote_address = "[::1]:443"};
  return made;
}

json::array entries(const request& asked, const record& result) {
  std::string text = "[";
  append_har_entries(text, asked, result, std::chrono::system_clock::time_point(1'000'010ms));
  return json::parse(text + "]").as_array();
}

TEST(har, an_entry_for_each_response) {
  const auto all = entries(post(), redirected());
  ASSERT_EQ(all.size(), 2u);
  const auto& first = all[0].at("request");
  EXPECT_EQ(first.at("method"), "POST");
  EXPECT_EQ(first.at("url"), "http://a.test/x?a=1&b");
  EXPECT_EQ(json::serialize(first.at("queryString")), R"([{"name":"a","value":"1"},{"name":"b","value":""}])");
  EXPECT_EQ(first.at("postData").at("text"), "c=3");
  EXPECT_EQ(first.at("postData").at("mimeType"), "text/x");
  EXPECT_EQ(all[0].at("response").at("status"), 302);
  EXPECT_EQ(all[0].at("response").at("statusText"), "Found It");
  EXPECT_EQ(all[0].at("response").at("redirectURL"), "https://b.test/y");
  const auto& last = all[1];
  EXPECT_EQ(last.at("request").at("method"), "GET");
  EXPECT_EQ(last.at("request").at("url"), "https://b.test/y");
  EXPECT_EQ(last.at("response").at("content").at("size"), 4);
  EXPECT_EQ(last.at("response").at("content").at("mimeType"), "text/html");
  EXPECT_EQ(last.at("serverIPAddress"), "::1");
}

TEST(har, times) {
  const auto last = entries(post(), redirected())[1];
  EXPECT_EQ(last.at("startedDateTime"), "1970-01-01T00:16:40.000Z");
  EXPECT_EQ(last.at("time"), 10.0);
  const auto& took = last.at("timings");
  EXPECT_EQ(took.at("dns"), 1.0);
  EXPECT_EQ(took.at("connect"), 3.0) << "with TLS";
  EXPECT_EQ(took.at("ssl"), 1.0);
  EXPECT_EQ(took.at("wait"), 3.0);
  EXPECT_EQ(took.at("receive"), 3.0);
}

TEST(har, bodies) {
  record result = redirected();
  result.body = "text";
  EXPECT_EQ(entries(post(), result)[1].at("response").at("content").at("text"), "text");
  result.body = "\xff\xfe";
  const auto content = entries(post(), result)[1].at("response").at("content");
  EXPECT_EQ(content.at("text"), "//4=");
  EXPECT_EQ(content.at("encoding"), "base64");
}

TEST(har, failures) {
  record lost;
  lost.error = failure_kind::dns;
  lost.message = "no such host";
  const auto all = entries(post(), lost);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].at("response").at("status"), 0);
  EXPECT_EQ(all[0].at("response").at("_error"), "no such host");
  EXPECT_EQ(all[0].at("request").at("url"), "http://a.test/x?a=1&b");
}

TEST(har, a_whole_file) {
  const temporary_directory directory;
  for (const int count : {0, 1, 3}) {
    const std::string path = directory / std::to_string(count);
    har_output archive(output::create(path));
    writer to;
    const request asked = post();
    record result = redirected();
    for (int i = 0; i < count; ++i) {
      finished each{static_cast<std::uint64_t>(i), asked, result};
      archive.take(each, to);
    }
    to.finish();
    archive.close();
    const json::value log = json::parse(read_file(path)).at("log");
    EXPECT_EQ(log.at("version"), "1.2");
    EXPECT_EQ(log.at("creator").at("name"), "fanout");
    EXPECT_EQ(log.at("entries").as_array().size(), static_cast<std::size_t>(2 * count));
  }
}

}  // namespace
