#include "http/message/request_fields.hpp"
#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::add_request_fields;
using fanout::http::request;
using fanout::http::url;
using testing::ElementsAre;

TEST(request_fields, the_requests_own_come_first_and_replace_the_clients) {
  request what;
  what.url = url("http://user:pass@a/");
  what.method = "POST";
  what.headers = {{"Accept", "x"}, {"B", "2"}};
  what.without = {"User-Agent"};
  std::vector<std::string> names;
  const auto given = add_request_fields(what, "me", true, {},
                                        [&](std::string_view name, std::string_view) { names.emplace_back(name); });
  EXPECT_THAT(names, ElementsAre("Accept", "B", "Accept-Encoding", "Authorization", "Content-Length"));
  EXPECT_TRUE(given.accept);
  EXPECT_FALSE(given.host);
}

TEST(request_fields, what_must_not_be_sent_is_refused) {
  request what;
  EXPECT_EQ(failure_of([&] { check_request(what); }).kind, failure_kind::invalid_request);
  what.url = url("http://a/");
  what.method = "CONNECT";
  EXPECT_EQ(failure_of([&] { check_request(what); }).kind, failure_kind::invalid_request);
}

}  // namespace
