#include <fanout/fetch/record_text.hpp>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::string_literals;

namespace json = boost::json;

std::string json_string(std::string_view value) {
  std::string text;
  append_json_string(text, value);
  return text;
}

record good() {
  record result;
  result.status = 200;
  result.bytes = 5;
  result.elapsed_ns = 1'234'567;
  result.attempts = 1;
  return result;
}

std::string line_of(const record& result, const std::string& file = "", const std::string& id = "") {
  request asked;
  asked.url = "http://a/";
  asked.id = id;
  std::string text;
  append_json(text, 7, asked, result, file);
  return text;
}

TEST(record_text, a_response) {
  EXPECT_EQ(line_of(good()),
            R"({"index":7,"url":"http://a/","status":200,"bytes":5,"elapsed_ms":1.234,"attempts":1,"error":null,)"
            R"("final_url":"http://a/"})"
            "\n");
}

TEST(record_text, everything_there_can_be) {
  record result = good();
  result.final_url = "http://b/";
  result.headers = {{"A", "1"}, {"A", "\"2\""}};
  result.body = "hello";
  EXPECT_EQ(line_of(result, "00000007", "mine"),
            R"({"index":7,"id":"mine","url":"http://a/","status":200,"bytes":5,"elapsed_ms":1.234,"attempts":1,)"
            R"("error":null,"final_url":"http://b/","file":"00000007","headers":[["A","1"],["A","\"2\""]],)"
            R"("body":"hello"})"
            "\n");
}

TEST(record_text, no_response) {
  record result;
  result.attempts = 2;
  result.error = failure_kind::connect;
  result.message = "no \"way\"\n";
  EXPECT_EQ(line_of(result), R"({"index":7,"url":"http://a/","status":null,"bytes":0,"elapsed_ms":0.000,"attempts":2,)"
                             R"("error":{"kind":"connect","message":"no \"way\"\n"},"final_url":null})"
                             "\n");
}

TEST(record_text, a_status_that_failed_has_both) {
  record result = good();
  result.status = 404;
  result.error = failure_kind::status;
  const json::value parsed = json::parse(line_of(result));
  EXPECT_EQ(parsed.at("status").as_int64(), 404);
  EXPECT_EQ(parsed.at("error").at("kind").as_string(), "status");
  EXPECT_EQ(parsed.at("final_url").as_string(), "http://a/");
}

TEST(record_text, milliseconds_have_three_digits) {
  const auto elapsed = [](std::int64_t ns) {
    record result = good();
    result.elapsed_ns = ns;
    const std::string line = line_of(result);
    const auto from = line.find("\"elapsed_ms\":") + 13;
    return line.substr(from, line.find(',', from) - from);
  };
  EXPECT_EQ(elapsed(0), "0.000");
  EXPECT_EQ(elapsed(999), "0.000");
  EXPECT_EQ(elapsed(1'000), "0.001");
  EXPECT_EQ(elapsed(10'020'000), "10.020");
  EXPECT_EQ(elapsed(300'000'000'000), "300000.000");
  EXPECT_EQ(elapsed(-1'500'000), "0.000");  // which no clock that is steady gives
}

TEST(record_text, the_largest_numbers) {
  record result = good();
  result.bytes = UINT64_MAX;
  result.elapsed_ns = INT64_MAX;
  EXPECT_THAT(line_of(result), HasSubstr(R"("bytes":18446744073709551615,"elapsed_ms":9223372036854.775,)"));
}

TEST(record_text, all_that_is_put_together_in_place_at_its_longest) {
  for (int kind = 0; kind <= static_cast<int>(failure_kind::task_failed); ++kind) {
    record result = good();
    result.status = INT32_MAX;
    result.bytes = UINT64_MAX;
    result.elapsed_ns = INT64_MAX;
    result.attempts = INT32_MAX;
    result.http_version = 10;
    result.tls_version = 13;
    result.error = static_cast<failure_kind>(kind);
    const json::value parsed = json::parse(line_of(result, "", "mine"));
    EXPECT_EQ(parsed.at("status").as_int64(), INT32_MAX);
    EXPECT_EQ(parsed.at("attempts").as_int64(), INT32_MAX);
    EXPECT_EQ(parsed.at("http_version").as_string(), "1.0");
    EXPECT_EQ(parsed.at("tls").as_string(), "1.3");
    EXPECT_EQ(parsed.at("error").at("kind").as_string(), to_string(*result.error));
  }
}

TEST(record_text, an_empty_body_is_a_body) {
  record result = good();
  EXPECT_THAT(line_of(result), Not(HasSubstr("body")));
  result.body = "";
  EXPECT_THAT(line_of(result), HasSubstr(R"(,"body":""})"));
}

std::string encoded_body(std::string body) {
  record result = good();
  result.body = std::move(body);
  const json::value parsed = json::parse(line_of(result));
  EXPECT_FALSE(parsed.as_object().contains("body"));
  return std::string(parsed.at("body_base64").as_string());
}

TEST(record_text, bytes_that_are_no_text_are_base64) {  // RFC 4648 section 10, with a byte that is no UTF-8 in front
  EXPECT_EQ(encoded_body("\xff"), "/w==");
  EXPECT_EQ(encoded_body("\xff\xff"), "//8=");
  EXPECT_EQ(encoded_body("\xff\xff\xff"), "////");
  EXPECT_EQ(encoded_body("\xffoobar"), "/29vYmFy");
  EXPECT_EQ(encoded_body("\x00\xff"s), "AP8=");
}

TEST(record_text, base64_of_long_bodies_is_padded_at_the_end_only) {
  constexpr std::size_t piece = 3 << 20;
  for (const std::size_t size : {piece - 1, piece, piece + 1, 2 * piece}) {
    const std::string text = encoded_body(std::string(size, '\xff'));
    EXPECT_EQ(text.size(), (size + 2) / 3 * 4);
    const auto whole = size / 3 * 4;
    EXPECT_EQ(text.find_first_not_of('/'), whole == text.size() ? text.npos : whole + size % 3) << size;
  }
}

TEST(record_text, utf8_stays_as_it_is) {
  for (const std::string& text : {"plain"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s,
                                  "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s, "\xe2\x82\xac 5"s})
    EXPECT_EQ(json_string(text), '"' + text + '"');
}

TEST(record_text, what_is_no_utf8_is_replaced) {  // RFC 3629 section 3 and 10
  const std::string mark = "\xef\xbf\xbd";
  const std::vector<std::pair<std::string, std::string>> table{
      {"\x80", mark},                                   // no lead
      {"\xff", mark},                                   // never valid
      {"\xc0\xaf", mark + mark},                        // overlong /
      {"\xc1\xbf", mark + mark},                        // overlong
      {"\xe0\x9f\xbf", mark + mark + mark},             // overlong
      {"\xf0\x8f\xbf\xbf", mark + mark + mark + mark},  // overlong
      {"\xed\xa0\x80", mark + mark + mark},             // a surrogate
      {"\xf4\x90\x80\x80", mark + mark + mark + mark},  // beyond U+10FFFF
      {"\xf5\x80\x80\x80", mark + mark + mark + mark},  // beyond U+10FFFF
      {"\xc2", mark},                                   // cut off
      {"\xe2\x82", mark + mark},                        // cut off
      {"\xf0\x9f\x98", mark + mark + mark},             // cut off
      {"a\xe2\x28\xa1z", "a" + mark + "(" + mark + "z"},
  };
  for (const auto& [bytes, repaired] : table) EXPECT_EQ(json_string(bytes), '"' + repaired + '"');
}

TEST(record_text, strings_are_escaped) {
  EXPECT_EQ(json_string(""), R"("")");
  EXPECT_EQ(json_string("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_string("\r\n\t\x1b[2J\0"s), R"("\r\n\t\u001b[2J\u0000")");
  EXPECT_EQ(json::parse(json_string("\x7f")).as_string(), "\x7f");
}

TEST(record_text, strings_are_escaped_wherever_it_is) {
  for (const std::size_t size : {1, 7, 8, 9, 17})
    for (std::size_t at = 0; at < size; ++at)
      for (int byte = 0; byte < 0x80; ++byte) {
        std::string value(size, 'a');
        value[at] = static_cast<char>(byte);
        const std::string text = json_string(value);
        ASSERT_EQ(json::parse(text).as_string(), value) << byte << " at " << at;
        const bool escaped = byte < 0x20 || byte == '"' || byte == '\\';
        ASSERT_EQ(text.size() == size + 2, !escaped) << byte << " at " << at;
      }
}

TEST(record_text, for_a_person) {
  request asked;
  asked.url = "http://a/";
  std::string text;
  append_readable(text, asked, good());
  EXPECT_EQ(text, "200       5 B       1.2 ms  http://a/\n");
  record lost;
  lost.error = failure_kind::dns;
  lost.message = "no such host";
  text.clear();
  append_readable(text, asked, lost);
  EXPECT_EQ(text, "---       0 B       0.0 ms  http://a/  [dns] no such host\n");
  record moved = good();
  moved.final_url = "http://b/";
  text.clear();
  append_readable(text, asked, moved);
  EXPECT_THAT(text, HasSubstr("http://a/ -> http://b/\n"));
}

TEST(record_text, a_server_cannot_drive_the_terminal) {
  request asked;
  asked.url = "http://a/\x1b]0;title\x07";
  record result = good();
  result.final_url =
      "http://b/\x9b"
      "2J\xc2\x9b"
      "2J\x7f";
  result.error = failure_kind::status;
  result.message = "404 \x1b[31mred\r\nnew line \xe2\x82\xac";
  std::string text;
  append_readable(text, asked, result);
  EXPECT_EQ(text.find_first_of("\x1b\x07\r\x7f\x9b"), text.npos);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_THAT(text, HasSubstr("http://a/\\x1b]0;title\\x07 -> http://b/\xef\xbf\xbd"
                              "2J\\x9b2J\\x7f"));
  EXPECT_THAT(text, HasSubstr("[status] 404 \\x1b[31mred\\x0d\\x0anew line \xe2\x82\xac"));
}

TEST(record_text, sizes_for_a_person) {
  EXPECT_EQ(readable_bytes(0), "0 B");
  EXPECT_EQ(readable_bytes(999), "999 B");
  EXPECT_EQ(readable_bytes(1000), "1.0 kB");
  EXPECT_EQ(readable_bytes(1'234'567), "1.2 MB");
  EXPECT_EQ(readable_bytes(999'949), "999.9 kB");
  EXPECT_EQ(readable_bytes(999'950), "1.0 MB");
  EXPECT_EQ(readable_bytes(UINT64_MAX), "18446.7 PB");
}

}  // namespace
