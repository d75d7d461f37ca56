#include <fanout/base/failure.hpp>
#include <fanout/fetch/http_options.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const http_option& row_of(std::string_view name) {
  for (const http_option& row : http_option_table())
    if (row.long_name() == name) return row;
  throw std::out_of_range("no option " + std::string(name));
}

http_options given(std::initializer_list<std::pair<const char*, const char*>> arguments) {
  http_options made;
  for (const auto& [name, text] : arguments) row_of(name).take(made, text);
  return made;
}

template <class Call>
std::string refusal_of(Call call) {
  try {
    call();
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

settings settings_for(const http_options& options) {
  return settings_of(options, request_of(options));
}

TEST(http_option_table, rows_can_be_found_and_explained) {
  std::set<std::string_view> names;
  for (const http_option& row : http_option_table()) {
    if (row.names.empty()) {
      EXPECT_TRUE(row.save) << "it neither can be given nor travels";
      continue;
    }
    EXPECT_TRUE(names.insert(row.long_name()).second) << row.names;
    EXPECT_TRUE(row.long_name().starts_with("--")) << row.names;
    EXPECT_FALSE(row.help.empty()) << row.names;
    EXPECT_TRUE(row.take) << row.names;
    EXPECT_EQ(row.save == nullptr, row.load == nullptr) << row.names;
    EXPECT_TRUE(row.excludes.empty() || names.contains(row.excludes)) << row.names << ": it has to come later";
  }
}

TEST(http_option_table, options_set_their_members) {
  const http_options made = given({{"--timeout", "2s"},
                                   {"--max-bytes", "1KiB"},
                                   {"--max-redirects", "3"},
                                   {"--insecure", ""},
                                   {"--raw", ""},
                                   {"--resolve", "a:80:127.0.0.1"},
                                   {"--resolve", "b:80:127.0.0.1"},
                                   {"--request", "PUT"}});
  EXPECT_EQ(made.settings.timeout_ms, 2000);
  EXPECT_EQ(made.settings.max_body_bytes, 1024u);
  EXPECT_EQ(made.settings.max_redirects, 3);
  EXPECT_FALSE(made.settings.verify_tls);
  EXPECT_FALSE(made.settings.decode_content);
  EXPECT_THAT(made.settings.resolve, ElementsAre("a:80:127.0.0.1", "b:80:127.0.0.1"));
  EXPECT_EQ(made.method, "PUT");
  EXPECT_EQ(given({{"--no-redirects", ""}}).settings.max_redirects, 0);
  EXPECT_TRUE(given({}).settings.proxy_from_environment);
  EXPECT_FALSE(given({{"--proxy", ""}}).settings.proxy_from_environment);
}

TEST(http_option_table, values_that_are_not_accepted) {
  EXPECT_THAT(refusal_of([] { given({{"--timeout", "4x"}}); }), HasSubstr("'4x' is not a duration"));
  EXPECT_THAT(refusal_of([] { given({{"--max-redirects", "1001"}}); }), HasSubstr("from 0 to 1000"));
  EXPECT_THAT(refusal_of([] { given({{"--cacert", ""}}); }), HasSubstr("the value is empty"));
}

/// Every member is another one than that of `settings{}`.
settings nothing_by_default() {
  settings all;
  all.timeout_ms = 1;
  all.connect_timeout_ms = 2;
  all.max_body_bytes = 3;
  all.idle_timeout_ms = 4;
  all.max_redirects = 5;
  all.decode_content = all.verify_tls = all.verify_proxy_tls = false;
  all.ca_file = "a";
  all.certificate_file = "b";
  all.key_file = "c";
  all.authorization = "d";
  all.use_cookies = all.public_only = all.proxy_from_environment = all.least_tls_1_3 = true;
  all.cookie_file = "e";
  all.body_file = "f";
  all.keep_trace = all.keep_heads = all.retry_all_errors = all.retry_refused = true;
  all.drop_failed_bodies = true;
  all.digest = "x:y";
  all.limit_rate = 10;
  all.retries = 7;
  all.retry_delay_ms = 8;
  all.retry_max_time_ms = 9;
  all.form = {{"m", "n", "o", "p", "q"}};
  all.netrc = {{"r", "s", "t"}};
  all.connect_to = {"u"};
  all.unix_socket = "v";
  all.interface = "w";
  all.ip_version = 6;
  all.resolve = {"g", "h"};
  all.proxy = "i";
  all.no_proxy = "j";
  all.proxy_ca_file = "k";
  all.without_headers = {"l"};
  all.keep_body = all.keep_headers = all.keep_timings = true;
  return all;
}

TEST(http_option_table, settings_travel_whole) {
  const settings all = nothing_by_default();
  EXPECT_EQ(decoded(encoded(all)), all);
  EXPECT_EQ(decoded(encoded({})), settings{});
}

TEST(http_option_table, settings_that_are_cut_or_too_long_are_refused) {
  const std::string bytes = encoded(nothing_by_default());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(decoded(std::string_view(bytes).substr(0, size)), fanout::error) << size;
  EXPECT_THROW(decoded(bytes + "x"), fanout::error);
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
  EXPECT_THAT(refused({{"--data", "x"}, {"--json", "{}"}}), HasSubstr("use one of them"));
  EXPECT_THAT(refused({{"--proxy", "ftp://a"}}), HasSubstr("ftp"));
}

}  // namespace
