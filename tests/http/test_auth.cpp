#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::basic_auth;
using fanout::http::bearer_auth;
using fanout::http::client_options;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::HasSubstr;
using testing::Not;

/// Answers every request with itself.
void echo(peer& client, int) {
  for (auto received = client.read_request(); !received.empty(); received = client.read_request())
    client.send(ok(received));
}

TEST(auth, values_of_the_header) {
  EXPECT_EQ(basic_auth("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // RFC 7617 section 2
  EXPECT_EQ(basic_auth("", ""), "Basic Og==");
  EXPECT_EQ(basic_auth("u", "a:b"), "Basic dTphOmI=");
  EXPECT_EQ(bearer_auth("mF_9.B5f-4.1JqM"), "Bearer mF_9.B5f-4.1JqM");  // RFC 6750 section 2.1
}

TEST(auth, what_cannot_be_sent_is_refused_without_being_repeated) {
  for (const auto& failed :
       {failure_of([] { basic_auth("a:hidden", "b"); }), failure_of([] { basic_auth("a", "hidden\n"); }),
        failure_of([] { bearer_auth(""); }), failure_of([] { bearer_auth("hid den"); }),
        failure_of([] { bearer_auth("hidden\r\nX: y"); })}) {
    EXPECT_EQ(failed.kind, failure_kind::invalid_request);
    EXPECT_THAT(failed.message, Not(HasSubstr("hidden")));
  }
}

class authorization : public each_version {};

TEST_P(authorization, of_the_options_yields_to_the_urls_and_to_the_requests_own) {
  scripted_server server(echo);
  client_options options;
  options.authorization = bearer_auth("from-options");
  EXPECT_THAT(fetch(server.url(), options).body, HasSubstr("Authorization: Bearer from-options\r\n"));
  const std::string with_user = "http://u:p@127.0.0.1:" + std::to_string(server.port()) + "/";
  const std::string by_url = fetch(with_user, options).body;
  EXPECT_THAT(by_url, HasSubstr("Authorization: Basic dTpw\r\n"));
  EXPECT_THAT(by_url, Not(HasSubstr("from-options")));
  asio::io_context loop(1);
  request what;
  what.url = url(with_user);
  what.headers.add("authorization", "Own");
  const std::string own = run_on(loop, client(options).send(std::move(what))).body;
  EXPECT_THAT(own, HasSubstr("uthorization: Own\r\n"));
  EXPECT_THAT(own, Not(HasSubstr("Basic")));
}

TEST_P(authorization, stays_with_the_first_origin_also_after_a_detour) {
  scripted_server away(echo);
  scripted_server home([&](peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request()) {
      const bool first = received.starts_with("GET /start ");
      client.send(first ? "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
                  : received.find("secret") == std::string::npos
                      ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
                      : "HTTP/1.1 302 Found\r\nLocation: " + away.url("/end") + "\r\nContent-Length: 0\r\n\r\n");
    }
  });
  client_options options;
  options.authorization = bearer_auth("secret");
  const auto answer = fetch(home.url("/start"), options);
  EXPECT_EQ(answer.url.str(), away.url("/end"));
  EXPECT_THAT(answer.body, Not(HasSubstr("secret")));
}

TEST_P(authorization, of_each_host_also_where_redirects_lead) {
  scripted_server away(echo);
  scripted_server home([&](peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request())
      client.send(received.find("uthorization: for 127.0.0.1") == std::string::npos
                      ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
                      : "HTTP/1.1 302 Found\r\nLocation: " + away.url("/end", "localhost") +
                            "\r\nContent-Length: 0\r\n\r\n");
  });
  client_options options;
  options.authorization_of = [](std::string_view host) { return "for " + std::string(host); };
  EXPECT_THAT(fetch(home.url(), options).body, HasSubstr("uthorization: for localhost\r\n"));
  options.authorization_of = [](std::string_view host) {
    return host == "127.0.0.1" ? std::string("for 127.0.0.1") : std::string();
  };
  EXPECT_THAT(fetch(home.url(), options).body, Not(HasSubstr("uthorization")));
  options.authorization = bearer_auth("own");
  EXPECT_EQ(fetch(home.url(), options).status, 500) << "what the options say of all hosts comes first";
}

INSTANTIATE_TEST_SUITE_P(versions, authorization, both_versions(), name_of_version);

}  // namespace
