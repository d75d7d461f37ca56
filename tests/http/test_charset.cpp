// Text of responses.
#include <fanout/http/json.hpp>

#include "http/message/charset.hpp"
#include "http/support.hpp"

#include <boost/json/serialize.hpp>

namespace {

using namespace fanout_test;
using namespace std::string_literals;
using fanout::failure_kind;
using fanout::http::charset_of;
using fanout::http::response;
using fanout::http::to_utf8;
using testing::HasSubstr;

TEST(charset, is_a_parameter_of_the_content_type) {
  EXPECT_EQ(charset_of("text/html; charset=UTF-8"), "UTF-8");
  EXPECT_EQ(charset_of("text/html;a=b ; \tCharset=\"koi8-r\"; c=d"), "koi8-r");
  EXPECT_EQ(charset_of("text/html;charset=latin1 ;x"), "latin1");
  for (const char* none : {"", "text/html", "text/html;", "charset=x", "text/html; xcharset=y", "text/html; charset="})
    EXPECT_EQ(charset_of(none), "") << none;
}

TEST(charset, malformed_utf8_becomes_one_replacement_for_each_maximal_part) {
  const std::string r = "\xEF\xBF\xBD";
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""},
           {"plain", "plain"},
           {"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80"},
           {"a\x80z", "a" + r + "z"},
           {"\xC3", r},
           {"\xC0\xAF", r + r},
           {"\xE0\x80\x80", r + r + r},
           {"\xED\xA0\x80", r + r + r},
           {"\xF0\x9F\x98z", r + "z"},
           {"\xF4\x90\x80\x80", r + r + r + r},
           {"\xF5\xFF", r + r},
           // Unicode 15, table 3-8 and 3-11.
           {"a\xF1\x80\x80\xE1\x80\xC2"
            "b\x80"
            "c\x80\xBF"
            "d",
            "a" + r + r + r + "b" + r + "c" + r + r + "d"}})
    EXPECT_EQ(to_utf8(bytes, ""), text);
}

TEST(charset, a_byte_order_mark_decides) {
  EXPECT_EQ(to_utf8("\xEF\xBB\xBF\xC3\xBC", "latin1"), "\xC3\xBC");
  EXPECT_EQ(to_utf8("\xFE\xFF\0\xFC"s, "utf-8"), "\xC3\xBC");
  EXPECT_EQ(to_utf8("\xFF\xFE\xFC\0"s, ""), "\xC3\xBC");
}

TEST(charset, utf16_with_its_surrogates) {
  EXPECT_EQ(to_utf8("\x3D\xD8\0\xDE"s, "UTF-16"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(to_utf8("\xD8\x3D\xDE\0"s, "utf-16be"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(to_utf8("\x3D\xD8x\0"s, "utf-16le"), "\xEF\xBF\xBDx");
  EXPECT_EQ(to_utf8("\0\xDEx\0\x3D\xD8"s, "utf-16le"), "\xEF\xBF\xBDx\xEF\xBF\xBD");
  EXPECT_EQ(to_utf8("x\0y"s, "utf-16le"), "x\xEF\xBF\xBD");
}

TEST(charset, latin_1_is_windows_1252_and_the_rest_is_iconvs) {
  for (const char* label : {"ISO-8859-1", "latin1", "us-ascii", "windows-1252"})
    EXPECT_EQ(to_utf8("\xFC\x80\x81", label), "\xC3\xBC\xE2\x82\xAC\xC2\x81") << label;
  EXPECT_EQ(to_utf8("\xC1", "koi8-r"), "\xD0\xB0");
  EXPECT_EQ(to_utf8("\x93\xFA\x96\x7B", "Shift_JIS"), "\xE6\x97\xA5\xE6\x9C\xAC");
  EXPECT_EQ(to_utf8("\xC4\xE3\xBA\xC3", "gb2312"), "\xE4\xBD\xA0\xE5\xA5\xBD");
  EXPECT_EQ(to_utf8("\xC6\xFC", "euc-jp"), "\xE6\x97\xA5");
  EXPECT_EQ(to_utf8("a\xC6", "euc-jp"), "a\xEF\xBF\xBD") << "cut off";
  EXPECT_EQ(to_utf8("a\xFFz", "euc-jp"), "a\xEF\xBF\xBDz") << "malformed";
  EXPECT_EQ(to_utf8("\xFC", "no-such-charset"), "\xEF\xBF\xBD") << "unknown: UTF-8";
  EXPECT_EQ(to_utf8("+ADw-script", "utf-7"), "+ADw-script");
}

TEST(charset, every_label_is_one_iconv_knows) {
  for (const char* label :
       {"iso-8859-2",   "iso-8859-5",   "iso-8859-6",   "iso-8859-7",   "iso-8859-8",   "iso-8859-9",   "iso-8859-10",
        "iso-8859-11",  "iso-8859-13",  "iso-8859-14",  "iso-8859-15",  "iso-8859-16",  "windows-1250", "windows-1251",
        "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258", "windows-874",
        "koi8-u",       "ibm866",       "macintosh",    "big5",         "euc-kr",       "iso-2022-jp",  "gb18030"})
    EXPECT_EQ(to_utf8("abc\xFF", label).substr(0, 3), "abc") << label;
  EXPECT_EQ(to_utf8("\xA4", "iso-8859-15"), "\xE2\x82\xAC");
  EXPECT_FALSE(fanout::http::is_known_charset("utf-7"));
}

TEST(response_text, is_utf8) {
  response answer;
  answer.body = "\xFC";
  answer.headers.add("Content-Type", "text/plain; charset=iso-8859-1");
  EXPECT_EQ(answer.text(), "\xC3\xBC");
  EXPECT_EQ(answer.charset(), "iso-8859-1");
  EXPECT_EQ(std::move(answer).text(), "\xC3\xBC");
}

TEST(response_json, is_a_value_or_a_failure_that_says_where) {
  response answer;
  answer.body = "\xEF\xBB\xBF{\"a\": [1, \"\xC3\xBC\"]}\n";
  EXPECT_EQ(boost::json::serialize(fanout::http::json(answer)), "{\"a\":[1,\"\xC3\xBC\"]}");
  for (const char* bad : {"", "{", "{\"a\":}", "1 2", "<html>"}) {
    answer.body = bad;
    const auto failed = failure_of([&] { fanout::http::json(answer); });
    EXPECT_EQ(failed.kind, failure_kind::protocol) << bad;
    EXPECT_THAT(failed.message, HasSubstr("is no JSON")) << bad;
  }
}

}  // namespace
