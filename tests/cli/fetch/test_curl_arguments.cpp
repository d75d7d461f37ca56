#include "cli/fetch/curl_arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::cli;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

fetch_options one(const std::vector<std::string>& arguments) {
  const curl_command all = parse_curl(arguments);
  EXPECT_THAT(all.jobs, SizeIs(1));
  return all.jobs.front();
}

std::string refused_line(const std::vector<std::string>& arguments) {
  try {
    parse_curl(arguments);
  } catch (const usage_error& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

TEST(curl_arguments, short_options_in_one_word) {
  const fetch_options made = one({"-sSLf", "-XPUT", "-d@x", "-kI", "http://a", "-HA: b", "-m5"});
  EXPECT_THAT(made.urls, ElementsAre("http://a"));
  EXPECT_FALSE(made.silent) << "-S";
  EXPECT_TRUE(made.fail);
  EXPECT_TRUE(made.http.head);
  EXPECT_FALSE(made.http.settings.verify_tls);
  EXPECT_EQ(made.http.method, "PUT");
  EXPECT_EQ(made.http.data.front().text, "@x");
  EXPECT_THAT(made.http.headers, ElementsAre("A: b"));
  EXPECT_EQ(made.http.settings.timeout_ms, 5000);
  EXPECT_EQ(made.http.settings.max_redirects, 50);
  EXPECT_TRUE(one({"-s", "a"}).silent);
  EXPECT_TRUE(one({"-i", "a"}).include);
}

TEST(curl_arguments, curl_s_own_defaults) {
  const fetch_options made = one({"a"});
  EXPECT_EQ(made.http.settings.max_redirects, 0);
  EXPECT_FALSE(made.http.settings.decode_content);
  EXPECT_GT(made.http.settings.timeout_ms, 1'000'000'000);
  EXPECT_EQ(made.shape, "sync");
  EXPECT_EQ(one({"-Z", "a", "b"}).shape, "async:50");
  EXPECT_EQ(one({"-L", "--max-redirs", "3", "a"}).http.settings.max_redirects, 3);
  EXPECT_TRUE(one({"--compressed", "a"}).http.settings.decode_content);
}

TEST(curl_arguments, what_a_browser_copies) {
  const fetch_options made = one({"https://example.org/api?q=1", "-X", "POST", "-H", "accept: application/json", "-H",
                                  "accept-language: en-US,en;q=0.9", "-b", "a=1; b=2", "-H", "sec-ch-ua: \"x\";v=\"1\"",
                                  "--data-raw", "@{\"a\":1}", "--compressed", "--insecure"});
  EXPECT_THAT(made.urls, ElementsAre("https://example.org/api?q=1"));
  EXPECT_THAT(made.http.headers, SizeIs(3));
  EXPECT_THAT(made.http.cookies, ElementsAre("a=1; b=2"));
  EXPECT_EQ(made.http.data.front().what, fanout::fetch::data_piece::kind::raw);
}

TEST(curl_arguments, files_belong_to_urls_in_order) {
  const auto jobs = parse_curl({"a", "b", "-o", "x", "c", "d", "-O", "-o", "-"}).jobs;
  ASSERT_THAT(jobs, SizeIs(3));
  EXPECT_EQ(jobs[0].destination, "x");
  EXPECT_TRUE(jobs[1].remote_name);
  EXPECT_THAT(jobs[2].urls, ElementsAre("c", "d")) << "standard output";
  EXPECT_THAT(parse_curl({"--remote-name-all", "a/x", "a/y"}).jobs, SizeIs(2));
  EXPECT_THAT(parse_curl({"a", "b"}).jobs, SizeIs(1));
}

TEST(curl_arguments, sets_and_ranges_name_files) {
  const auto jobs = parse_curl({"http://a/{x,y}/[8-9]", "-o", "#1-#2#3.html"}).jobs;
  ASSERT_THAT(jobs, SizeIs(4));
  EXPECT_THAT(jobs[1].urls, ElementsAre("http://a/x/9"));
  EXPECT_EQ(jobs[1].destination, "x-9#3.html");
  EXPECT_EQ(jobs[2].destination, "y-8#3.html");
  EXPECT_THAT(one({"http://a/{x,y}"}).urls, ElementsAre("http://a/x", "http://a/y"));
  EXPECT_THAT(one({"-g", "http://a/{x,y}", "-o", "#1"}).urls, ElementsAre("http://a/{x,y}"));
  EXPECT_EQ(one({"http://a/", "-o", "#1"}).destination, "#1");
  EXPECT_THAT(one({"http://[::1]/"}).urls, ElementsAre("http://[::1]/"));
  EXPECT_THAT(parse_curl({"--fail-early", "http://a/{x,y}"}).jobs, SizeIs(2));
}

TEST(curl_arguments, options_begin_anew_after_next) {
  const auto jobs = parse_curl({"-s", "-d", "x", "a", "-o", "f", "--next", "-I", "b", "-:", "--", "--next"}).jobs;
  ASSERT_THAT(jobs, SizeIs(3));
  EXPECT_THAT(jobs[0].http.data, SizeIs(1));
  EXPECT_EQ(jobs[0].destination, "f");
  EXPECT_THAT(jobs[1].http.data, SizeIs(0));
  EXPECT_TRUE(jobs[1].http.head && jobs[1].silent) << "-s is global";
  EXPECT_EQ(jobs[1].destination, "");
  EXPECT_THAT(jobs[2].urls, ElementsAre("--next")) << "behind -- it is no option";
}

TEST(curl_arguments, proxies_have_users) {
  EXPECT_EQ(one({"-x", "http://p:1", "-U", "me:se/cret@", "a"}).http.settings.proxy, "http://me:se%2Fcret%40@p:1");
  EXPECT_EQ(one({"-U", "me:x", "--socks5-hostname", "p:1", "a"}).http.settings.proxy, "socks5h://me:x@p:1");
  EXPECT_EQ(one({"--proxy", "p:1", "--proxy-user", "me:x", "a"}).http.settings.proxy, "me:x@p:1");
  EXPECT_EQ(one({"-U", "me:x", "a"}).http.settings.proxy, "");
}

TEST(curl_arguments, what_is_not_supported_is_named) {
  EXPECT_THAT(refused_line({"a[3-1]"}), HasSubstr("with -g, brackets and braces stand for themselves"));
  EXPECT_THAT(refused_line({"a[1-100001]"}), HasSubstr("more than 100000 URLs"));
  EXPECT_THAT(refused_line({"--ftp-port", "x", "a"}), HasSubstr("--ftp-port: this option of curl is not supported"));
  EXPECT_THAT(refused_line({"a", "--next"}), HasSubstr("no URL"));
  EXPECT_THAT(refused_line({"-s0", "a"}), HasSubstr("-0 (in -s0)"));
  EXPECT_THAT(refused_line({"--preproxy", "p", "a"}),
              HasSubstr("--preproxy: this option of curl is not supported: one"));
  EXPECT_THAT(refused_line({"-sa", "a"}), HasSubstr("-a (in -sa): this option of curl is not supported: appending"));
  EXPECT_THAT(refused_line({"--ma", "5", "a"}), HasSubstr("--ma: this option")) << "of several";
  EXPECT_THAT(refused_line({"--no-data", "a"}), HasSubstr("--no-data: this option"));
  EXPECT_THAT(refused_line({"-"}), HasSubstr("no URL"));
  EXPECT_THAT(refused_line({}), HasSubstr("no URL"));
  EXPECT_THAT(refused_line({"a", "-o"}), HasSubstr("-o: its value is missing"));
  EXPECT_THAT(refused_line({"a", "-m", "x"}), HasSubstr("-m: 'x' is not a duration"));
  EXPECT_THAT(refused_line({"a", ""}), HasSubstr("an argument is empty"));
}

TEST(curl_arguments, options_can_be_undone_and_shortened) {
  EXPECT_FALSE(one({"-s", "--no-silent", "a"}).silent);
  EXPECT_TRUE(one({"--no-silent", "--silent", "a"}).silent);
  EXPECT_TRUE(one({"-k", "--no-insecure", "a"}).http.settings.verify_tls);
  EXPECT_FALSE(one({"--compressed", "--no-compressed", "a"}).http.settings.decode_content);
  EXPECT_EQ(one({"-L", "--no-location", "a"}).http.settings.max_redirects, 0);
  EXPECT_EQ(one({"--connect-tim", "3", "a"}).http.settings.connect_timeout_ms, 3000);
  EXPECT_THAT(refused_line({"--dat", "x", "a"}), HasSubstr("--dat: this option")) << "several begin so";
}

TEST(curl_arguments, headers_count_before_options_that_say_the_same) {
  const auto made =
      one({"-A",          "x",  "-H",   "user-agent: y",   "-e", "r",  "-H", "Referer;", "-b",      "a=1", "-H",
           "Cookie: b=2", "-u", "me:x", "--oauth2-bearer", "t",  "-H", "",   "-H",       "nothing", "a"})
          .http;
  EXPECT_EQ(made.user_agent + made.referer + made.user, "");
  EXPECT_THAT(made.cookies, SizeIs(0));
  EXPECT_THAT(made.headers, ElementsAre("user-agent: y", "Referer;", "Cookie: b=2"));
  EXPECT_THAT(one({"-b", "no/such/file", "a"}).http.cookies, ElementsAre(""));
}

TEST(curl_arguments, speeds_and_protocols) {
  // A stream of events may be slower than what fanout fetch takes for a transfer that is stuck.
  const auto limit = [](const std::vector<std::string>& arguments) {
    const auto http = one(arguments).http;
    return fanout::fetch::settings_of(http, fanout::fetch::request_of(http)).low_speed_bytes_per_s;
  };
  EXPECT_EQ(limit({"a"}), 0u);
  EXPECT_EQ(limit({"-Y", "5", "a"}), 5u);
  EXPECT_EQ(limit({"-y", "5", "a"}), 1u);
  EXPECT_EQ(limit({"-Y", "5", "-y", "0", "a"}), 0u);
  EXPECT_EQ(one({"a"}).http.settings.idle_timeout_ms, one({"-m", "0", "a"}).http.settings.timeout_ms) << "no limit";
  EXPECT_EQ(one({"-Y", "5", "a"}).http.speed_limit, 5u);
  EXPECT_FALSE(one({"-y", "5", "a"}).http.speed_limit);
  EXPECT_EQ(one({"-y", "5", "a"}).http.speed_time_ms, 5000);
  const auto protocols = [](const char* text) { return one({"--proto", text, "a"}).http.settings.protocols; };
  EXPECT_EQ(protocols("=https"), fanout::fetch::settings::https_protocol);
  EXPECT_EQ(protocols("-http"), fanout::fetch::settings::https_protocol);
  EXPECT_EQ(protocols("-all,http"), fanout::fetch::settings::http_protocol);
  EXPECT_EQ(protocols("=https,http"), fanout::fetch::settings::both_protocols);
  EXPECT_EQ(protocols("+ftp"), fanout::fetch::settings::both_protocols);
  EXPECT_EQ(protocols("=ftp"), 0);
  EXPECT_TRUE(one({"--location-trusted", "a"}).http.settings.trust_redirects);
  EXPECT_EQ(one({"--location-trusted", "a"}).http.settings.max_redirects, 50);
}

TEST(curl_arguments, the_help_has_every_option) {
  const std::string help = help_text(curl_text(), 100, false);
  for (const char* name : {"-s, --silent", "-T, --upload-file FILE", "-w, --write-out FORMAT",
                           "-d, --data, --data-ascii", "-L, --location"})
    EXPECT_THAT(help, HasSubstr(name));
}

}  // namespace
