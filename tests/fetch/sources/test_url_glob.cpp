#include <fanout/fetch/url_glob.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using fanout::fetch::url_glob;

std::string urls_of(const std::string& pattern) {
  const url_glob urls(pattern);
  std::string all;
  for (std::uint64_t i = 0; i < urls.size(); ++i) all += (i == 0 ? "" : " ") + urls[i];
  return all;
}

std::string glob_refusal(const std::string& pattern) {
  try {
    const url_glob urls(pattern);
  } catch (const std::invalid_argument& error) {
    const std::string text = error.what();
    const auto at = text.find("at character");
    return text.substr(at, text.find("; {a,b}") - at);
  }
  return "accepted";
}

TEST(url_glob, is_what_curl_makes_of_it) {  // checked by hand with curl 7.88, -w %{url}
  EXPECT_EQ(urls_of("http://x/"), "http://x/");
  EXPECT_EQ(urls_of(""), "");
  EXPECT_EQ(urls_of("http://{a,b,c}/"), "http://a/ http://b/ http://c/");
  EXPECT_EQ(urls_of("{a,,c}"), "a  c");
  EXPECT_EQ(urls_of("{a}"), "a");
  EXPECT_EQ(urls_of("[1-3]"), "1 2 3");
  EXPECT_EQ(urls_of("[8-11]"), "8 9 10 11");
  EXPECT_EQ(urls_of("[008-011]"), "008 009 010 011");
  EXPECT_EQ(urls_of("[0-10:5]"), "0 5 10");
  EXPECT_EQ(urls_of("[0-9:4]"), "0 4 8");
  EXPECT_EQ(urls_of("[7-7]"), "7");
  EXPECT_EQ(urls_of("[a-e:2]"), "a c e");
  EXPECT_EQ(urls_of("[X-Z]"), "X Y Z");
  EXPECT_EQ(urls_of("{a,b}[1-2].html"), "a1.html a2.html b1.html b2.html");
  EXPECT_EQ(urls_of("a\\[1-2\\]\\{b\\}"), "a[1-2]{b}");
  EXPECT_EQ(urls_of("{a\\,b,c}"), "a,b c");
  EXPECT_EQ(urls_of("a\\b"), "a\\b");
  EXPECT_EQ(urls_of("http://[::1]:80/[1-2]"), "http://[::1]:80/1 http://[::1]:80/2");
  EXPECT_EQ(urls_of("http://[fe80::1%25eth0]/"), "http://[fe80::1%25eth0]/");
  EXPECT_EQ(urls_of("http://x/?a[]=1"), "http://x/?a[]=1");
}

TEST(url_glob, makes_nothing_before_it_is_asked_for) {
  const url_glob urls("http://h[0-999999999].example/[a-z]{x,y}");
  EXPECT_EQ(urls.size(), 52'000'000'000U);
  EXPECT_EQ(urls[51'999'999'999], "http://h999999999.example/zy");
  EXPECT_EQ(urls[53], "http://h1.example/ay");
  EXPECT_EQ(urls.values(53), (std::vector<std::string>{"1", "a", "y"}));
  EXPECT_EQ(url_glob("[0-9223372036854775806]").size(), 9'223'372'036'854'775'807U);
}

TEST(url_glob, says_where_and_why_it_is_none) {
  EXPECT_EQ(glob_refusal("ab{c,d"), "at character 3, this '{' is not closed");
  EXPECT_EQ(glob_refusal("ab[1-2"), "at character 3, this '[' is not closed");
  EXPECT_EQ(glob_refusal("a}"), "at character 2, there is no '{' before this '}'");
  EXPECT_EQ(glob_refusal("a]"), "at character 2, there is no '[' before this ']'");
  EXPECT_EQ(glob_refusal("{}"), "at character 1, the set is empty");
  EXPECT_EQ(glob_refusal("{a,{b}}"), "at character 4, a set has neither sets nor ranges in it");
  EXPECT_EQ(glob_refusal("[5-1]"), "at character 1, the range '5-1' ends before it begins");
  EXPECT_EQ(glob_refusal("[1-3:0]"), "at character 1, the step '0' is no number above 0");
  EXPECT_EQ(glob_refusal("[1-3:9]"), "at character 1, the step 9 is larger than the range");
  EXPECT_EQ(glob_refusal("[1-3:]"), "at character 1, the step '' is no number above 0");
  EXPECT_EQ(glob_refusal("[a-5]"), "at character 1, 'a-5' is no range of numbers or of letters");
  EXPECT_EQ(glob_refusal("[A-z]"), "at character 1, a range of letters is of one case");
  EXPECT_EQ(glob_refusal("[abc]"), "at character 1, 'abc' is no range");
  EXPECT_EQ(glob_refusal("[-5-9]"), "at character 1, '-5-9' is no range of numbers or of letters");
  EXPECT_EQ(glob_refusal("[0-99999999999999999999]"),
            "at character 1, '0-99999999999999999999' is no range of numbers or of letters");
  EXPECT_EQ(glob_refusal("[0-4294967295][0-4294967295]"), "at character 15, there are more URLs than can be counted");
  EXPECT_EQ(glob_refusal("[0-18446744073709551615]"), "at character 1, there are more URLs than can be counted");
}

TEST(url_glob, a_cut_pattern_is_refused_or_means_what_it_says) {
  const std::string pattern = "http://{a,b\\,c}[::1]/[1-3:2]x[a-c]\\{[007-009]";
  for (std::size_t cut = 0; cut <= pattern.size(); ++cut) {
    try {
      const url_glob urls(pattern.substr(0, cut));
      ASSERT_GE(urls.size(), 1U);
      ASSERT_EQ(urls[urls.size() - 1].find('\0'), std::string::npos);
    } catch (const std::invalid_argument&) {
      continue;
    }
  }
}

}  // namespace
