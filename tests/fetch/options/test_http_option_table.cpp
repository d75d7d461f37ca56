#include <fanout/base/failure.hpp>
#include <fanout/fetch/http_options.hpp>

#include "fetch/given_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

namespace {

using namespace fanout::fetch;
using fanout_test::given;
using fanout_test::refusal_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
  all.drop_failed_bodies = all.keep_messages = all.keep_coding = true;
  all.digest_bodies = all.verify_digests = true;
  all.opt_outs = {"noai"};
  all.show_trace = all.heads_before_body = all.redirect_referer = true;
  all.digest = "x:y";
  all.basic_if_asked = all.keep_post_301 = all.keep_post_302 = all.keep_post_303 = all.trust_redirects = true;
  all.path_as_is = all.remote_time = all.number_trace = all.time_trace = all.trace_in_hex = true;
  all.temporary_bodies = all.drop_bodies = true;
  all.low_speed_bytes_per_s = 11;
  all.low_speed_window_ms = 12;
  all.protocols = settings::https_protocol;
  all.redirect_protocols = settings::http_protocol;
  all.default_scheme = "https";
  all.trace_file = "z";
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

}  // namespace
