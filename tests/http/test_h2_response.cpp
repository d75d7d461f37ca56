#include "http/h2/h2_response.hpp"
#include "http/owning_parser.hpp"
#include "http/support.hpp"

namespace {

using namespace fanout_test;
using h2_response = owning_parser<fanout::http::h2_response>;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::http_version;

bool header(h2_response& of, const std::string& status,
            std::initializer_list<std::pair<std::string, std::string>> fields = {}) {
  of.begin_fields();
  if (!of.field(":status", status)) return false;
  for (const auto& [name, value] : fields)
    if (!of.field(name, value)) return false;
  return of.end_fields();
}

TEST(h2_response, is_put_together_from_fields_and_data) {
  const client_options options;
  h2_response made(options, false, true);
  EXPECT_EQ(made.how_far(), "before the first byte of the response");
  EXPECT_TRUE(header(made, "103"));
  EXPECT_FALSE(made.header_done());
  EXPECT_TRUE(header(made, "200", {{"content-length", "5"}}));
  EXPECT_TRUE(made.data("hel"));
  EXPECT_EQ(made.how_far(), "after 3 of 5 bytes of the body");
  EXPECT_TRUE(made.data("lo"));
  made.begin_fields();
  EXPECT_TRUE(made.field("late", "1"));
  EXPECT_TRUE(made.end_fields());
  EXPECT_TRUE(made.end());
  const auto answer = made.take();
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.version, http_version::v2);
  EXPECT_EQ(answer.trailers["late"], "1");
  EXPECT_EQ(answer.headers.size(), 1u);
}

TEST(h2_response, counts_fields_while_they_come) {
  client_options options;
  options.max_header_count = 3;
  h2_response many(options, false, true);
  EXPECT_FALSE(header(many, "200", {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}));
  EXPECT_EQ(failure_of([&] { many.raise("x"); }).kind, failure_kind::too_large);
  options.max_header_bytes = 10;
  h2_response big(options, false, true);
  EXPECT_FALSE(header(big, "200", {{"name", "a long value"}}));
}

TEST(h2_response, refuses_what_has_no_meaning) {
  const client_options options;
  h2_response switched(options, false, true), endless(options, false, true), none(options, false, true),
      interim(options, false, true);
  EXPECT_FALSE(header(switched, "101"));
  bool fine = true;
  for (int i = 0; i < 17; ++i) fine = header(endless, "100");
  EXPECT_FALSE(fine);
  none.begin_fields();
  EXPECT_FALSE(none.end_fields());
  EXPECT_TRUE(header(interim, "100"));
  EXPECT_FALSE(interim.end());
  for (h2_response* const each : {&switched, &endless, &none, &interim})
    EXPECT_EQ(failure_of([&] { each->raise("x"); }).kind, failure_kind::protocol);
}

TEST(h2_response, keeps_the_limits_of_bodies) {
  client_options options;
  options.max_body_bytes = 4;
  h2_response announced(options, false, true), sent(options, false, true);
  EXPECT_FALSE(header(announced, "200", {{"content-length", "5"}}));
  EXPECT_TRUE(header(sent, "200"));
  EXPECT_TRUE(sent.data("1234"));
  EXPECT_FALSE(sent.data("5"));
  EXPECT_EQ(failure_of([&] { sent.raise("x"); }).kind, failure_kind::too_large);
}

TEST(h2_response, reads_past_the_body_of_a_redirect) {
  const client_options options;
  h2_response followed(options, false, true);
  EXPECT_TRUE(header(followed, "302", {{"location", "/"}, {"content-encoding", "gzip"}, {"content-length", "9"}}));
  EXPECT_TRUE(followed.data("no gzip"));
  EXPECT_FALSE(followed.complete());
  EXPECT_FALSE(followed.data(std::string(100'000, 'x')));
  EXPECT_TRUE(followed.complete());
  h2_response of_any_length(options, false, true);
  EXPECT_FALSE(header(of_any_length, "302", {{"location", "/"}}));
  EXPECT_TRUE(of_any_length.complete()) << "one without a length may never end, and is not waited for";
}

}  // namespace
