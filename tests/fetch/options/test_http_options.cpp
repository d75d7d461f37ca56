#include <fanout/fetch/http_options.hpp>

#include "fetch/given_options.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace {

using namespace fanout::fetch;
using fanout_test::given;
using fanout_test::refusal_of;
using fanout_test::row_of;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

settings settings_for(const http_options& options) {
  return settings_of(options, request_of(options));
}

TEST(http_options, what_all_requests_have) {
  const common_request made = request_of(given({{"--header", "X-One: 1"},
                                                {"--header", "X-Two;"},
                                                {"--header", "Accept:"},
                                                {"--cookie", "a=1"},
                                                {"--cookie", "b=2"},
                                                {"--data", "x=1"},
                                                {"--data", "y=2"}}));
  EXPECT_THAT(made.headers, ElementsAre(Pair("X-One", "1"), Pair("X-Two", ""), Pair("Cookie", "a=1; b=2")));
  EXPECT_THAT(made.without, ElementsAre("Accept"));
  EXPECT_EQ(made.body, "x=1&y=2");
  EXPECT_EQ(made.content_type, "application/x-www-form-urlencoded");
  EXPECT_EQ(made.method, "");
  EXPECT_EQ(request_of(given({{"--head", ""}})).method, "HEAD");
  EXPECT_EQ(request_of(given({{"--json", ""}})).method, "POST");
  EXPECT_TRUE(reads_standard_input(given({{"--json", "@-"}})));
  EXPECT_FALSE(reads_standard_input(given({{"--json", "@file"}})));
}

TEST(http_options, what_people_have_typed_for_years) {
  const common_request made = request_of(given({{"--data", "a=1"},
                                                {"--data-raw", "@b"},
                                                {"--data-raw", "c"},
                                                {"--user-agent", "me/1"},
                                                {"--referer", "http://from/"}}));
  EXPECT_EQ(made.body, "a=1&@b&c");
  EXPECT_THAT(made.headers, ElementsAre(Pair("User-Agent", "me/1"), Pair("Referer", "http://from/")));
  EXPECT_EQ(settings_for(given({{"--oauth2-bearer", "token"}})).authorization, "Bearer token");
  EXPECT_THAT(refusal_of([] { settings_for(given({{"--oauth2-bearer", "to ken"}})); }), HasSubstr("--oauth2-bearer: "));
  EXPECT_THAT(refusal_of([] { settings_for(given({{"--oauth2-bearer", "t"}, {"--user", "a:b"}})); }),
              HasSubstr("use one of them"));
  EXPECT_THAT(refusal_of([] { request_of(given({{"--user-agent", "a"}, {"--header", "user-agent: b"}})); }),
              HasSubstr("-A and -H"));
  EXPECT_THAT(refusal_of([] { request_of(given({{"--referer", "a\nb"}})); }), HasSubstr("control character"));
  for (const char* usual : {"--location", "--show-error", "--no-buffer", "--globoff"}) {
    EXPECT_TRUE(row_of(usual).usual) << usual;
    EXPECT_EQ(settings_for(given({{usual, ""}})), settings_for(given({}))) << usual;
  }
}

TEST(http_options, of_several_versions_the_last_counts) {
  EXPECT_EQ(settings_for(given({})), settings_for(given({{"--http2", ""}})));
  EXPECT_EQ(settings_for(given({{"--http2", ""}})).http_versions, 1);
  EXPECT_EQ(settings_for(given({{"--http2", ""}, {"--http2-prior-knowledge", ""}})).http_versions, 2);
  EXPECT_EQ(settings_for(given({{"--http2", ""}, {"--http1.1", ""}})).http_versions, 0);
}

TEST(http_options, settings_that_follow_from_several) {
  EXPECT_EQ(settings_for(given({})).authorization, "");
  EXPECT_EQ(settings_for(given({{"--user", "me:secret"}})).authorization, "Basic bWU6c2VjcmV0");
  EXPECT_FALSE(settings_for(given({{"--cookie", "a=1"}})).use_cookies);
  const temporary_directory directory;
  const std::string jar = directory.write("jar", "");
  const settings read = settings_for(given({{"--cookie", jar.c_str()}}));
  EXPECT_TRUE(read.use_cookies);
  EXPECT_EQ(read.cookie_file, jar);
  const std::string none = directory / "none";
  const settings begins = settings_for(given({{"--cookie", none.c_str()}, {"--cookie-jar", none.c_str()}}));
  EXPECT_TRUE(begins.use_cookies);
  EXPECT_EQ(begins.cookie_file, "");
  EXPECT_THAT(settings_for(given({{"--header", "Accept:"}})).without_headers, ElementsAre("Accept"));
}

TEST(http_options, what_is_refused_names_its_option) {
  const auto refused = [](std::initializer_list<std::pair<const char*, const char*>> arguments) {
    return refusal_of([&] { settings_for(given(arguments)); });
  };
  EXPECT_THAT(refused({{"--timeout", "0"}}), HasSubstr("--timeout: 0 leaves no time for a fetch"));
  EXPECT_THAT(refused({{"--cacert", "/no/such/file"}}), HasSubstr("--cacert: cannot read /no/such/file: No such file"));
  EXPECT_THAT(refused({{"--data-file", "/"}}), HasSubstr("--data-file: / is not a regular file"));
  EXPECT_THAT(refused({{"--upload-file", "/"}}), HasSubstr("--upload-file: / is not a regular file"));
  EXPECT_THAT(refused({{"--upload-file", "/no/such"}}), HasSubstr("--upload-file: cannot read /no/such"));
  EXPECT_THAT(refused({{"--key", "/dev/null"}}), HasSubstr("--key: there is no certificate"));
  EXPECT_THAT(refused({{"--user", "me"}}), HasSubstr("-u: 'me' has no password"));
  EXPECT_THAT(refused({{"--cookie", "one"}, {"--cookie", "two"}}), HasSubstr("--cookie: one and two are two files"));
  EXPECT_THAT(refused({{"--cookie", "/no/such/jar"}}), HasSubstr("--cookie: cannot read /no/such/jar"));
  EXPECT_THAT(refused({{"--request", "GE T"}}), HasSubstr("-X: 'GE T'"));
  EXPECT_THAT(refused({{"--header", "a\x1b: b"}}), AllOf(HasSubstr("-H: 'a\\x1b: b'"), HasSubstr("'Name: value'")));
  EXPECT_THAT(refused({{"--proxy", "ftp://a"}}), HasSubstr("ftp"));
}

TEST(http_options, the_name_for_robots_txt_is_what_the_user_agent_begins_with) {
  for (const auto& [agent, product] : {std::pair("examplebot/2.1 (+http://a/)", "examplebot"),
                                       std::pair("My-Bot_x 1", "My-Bot_x"), std::pair("1bot", "fanout")}) {
    schedule_rules rules;
    common_request common;
    common.headers = {{"user-agent", agent}};
    heed_robots(common, rules);
    EXPECT_EQ(rules.robots_product, product);
    EXPECT_EQ(rules.robots_user_agent, agent);
  }
  schedule_rules rules;
  heed_robots({}, rules);
  EXPECT_EQ(rules.robots_product, "fanout");
  EXPECT_EQ(rules.robots_user_agent, "");
}

TEST(http_options, rules_of_retries) {
  const settings how = settings_for(given({{"--retry", "4"}, {"--retry-delay", "2s"}, {"--retry-all-errors", ""}}));
  const retry_rules rules = retry_rules_of(how, 0.25);
  EXPECT_EQ(rules.retries, 4U);
  EXPECT_EQ(rules.fixed_delay, std::chrono::milliseconds(2'000));
  EXPECT_FALSE(rules.most_time);
  EXPECT_TRUE(rules.all_errors && rules.any_method);
  EXPECT_EQ(rules.job_budget, 0.25);
  EXPECT_EQ(rules.host_budget, 0.5);
  EXPECT_FALSE(retry_rules_of({}, 0).fixed_delay);
}

}  // namespace
