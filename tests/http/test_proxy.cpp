// How proxies are named, and which one a request goes through.
#include <fanout/base/failure.hpp>

#include "http/proxy/proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace {

using fanout::error;
using fanout::failure_kind;
using namespace fanout::http;
using testing::HasSubstr;
using testing::Not;

TEST(proxies, are_named_as_for_curl) {
  const auto plain = parse_proxy("proxy.test");
  EXPECT_EQ(plain.kind, proxy_kind::http);
  EXPECT_EQ(plain.name, "http://proxy.test:1080");
  EXPECT_FALSE(plain.has_user);
  EXPECT_EQ(parse_proxy("proxy.test:80").name, "http://proxy.test:80");
  EXPECT_EQ(parse_proxy("HTTP://Proxy.Test:3128/ignored").name, "http://proxy.test:3128");
  EXPECT_EQ(parse_proxy("https://proxy.test").name, "https://proxy.test:443");
  EXPECT_EQ(parse_proxy("https://proxy.test:80").name, "https://proxy.test:80");
  EXPECT_EQ(parse_proxy("socks5://127.0.0.1:9050").kind, proxy_kind::socks5);
  EXPECT_EQ(parse_proxy("socks5h://proxy.test").kind, proxy_kind::socks5h);
  EXPECT_EQ(parse_proxy("socks5h://[::1]").name, "socks5h://[::1]:1080");
  EXPECT_EQ(parse_proxy("[::1]:8080").name, "http://[::1]:8080");
}

TEST(proxies, have_users) {
  const auto both = parse_proxy("http://al%40ice:p%3Aw@proxy.test:3128");
  EXPECT_EQ(both.user, "al@ice");
  EXPECT_EQ(both.password, "p:w");
  EXPECT_EQ(both.authorization, "Basic YWxAaWNlOnA6dw==");
  EXPECT_THAT(both.name, Not(HasSubstr("al"))) << "names appear in messages";
  const auto nameless = parse_proxy("http://user@proxy.test");
  EXPECT_TRUE(nameless.has_user);
  EXPECT_EQ(nameless.authorization, "Basic dXNlcjo=");
}

TEST(proxies, that_cannot_be_used_are_refused_without_naming_the_password) {
  for (const char* const wrong : {"socks4://user:secret@p", "ftp://user:secret@p", "http://user:secret@p:99999",
                                  "http://user:secret@", "http://user:secret@[::1", "http://user:secret@p:x"}) {
    try {
      parse_proxy(wrong);
      ADD_FAILURE() << wrong << " was accepted";
    } catch (const error& refused) {
      EXPECT_EQ(refused.kind(), failure_kind::invalid_request);
    }
  }
  try {
    parse_proxy("socks4://user:secret@p");
  } catch (const error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("socks4"));
    EXPECT_THAT(refused.what(), Not(HasSubstr("secret")));
  }
}

struct no_proxy_case {
  const char* list;
  const char* host;
  bool listed;
};

TEST(no_proxy, is_read_as_curl_reads_it) {
  constexpr no_proxy_case cases[] = {
      {"", "a.test", false},
      {"*", "a.test", true},
      {"*", "127.0.0.1", true},
      {"*,b.test", "a.test", false},
      {"a.test", "a.test", true},
      {"a.test", "A.TEST", true},
      {"a.test", "www.a.test", true},
      {"a.test", "aa.test", false},
      {"a.test", "test", false},
      {".a.test", "a.test", true},
      {".a.test", "www.a.test", true},
      {"a.test.", "a.test", true},
      {"a.test", "a.test.", true},
      {"x.test, a.test", "a.test", true},
      {"x.test a.test", "a.test", true},
      {"x.test,,a.test", "a.test", true},
      {"x.test,y.test", "a.test", false},
      {"www.a.test", "a.test", false},
      {"192.168.0.1", "192.168.0.1", true},
      {"192.168.0.1", "192.168.0.10", false},
      {"192.168.0.0/16", "192.168.77.1", true},
      {"192.168.0.0/16", "192.169.0.1", false},
      {"0.0.0.0/0", "1.2.3.4", true},
      {"10.0.0.0/33", "10.0.0.1", false},
      {"10.0.0.0/x", "10.0.0.1", false},
      {"0.1", "192.168.0.1", false},
      {"::1", "::1", true},
      {"[::1]", "::1", true},
      {"fd00::/8", "fd12::1", true},
      {"fd00::/8", "fe12::1", false},
      {"10.0.0.0/8", "a.test", false},
  };
  for (const auto& [list, host, listed] : cases)
    EXPECT_EQ(no_proxy_list(list).contains(host), listed) << "'" << list << "' and " << host;
}

// The environment of one test, as getenv shows it.
const char* const* variables = nullptr;
const char* variable(const char* name) {
  for (const char* const* each = variables; *each; each += 2)
    if (std::strcmp(*each, name) == 0) return each[1];
  return nullptr;
}

class environment_proxies : public testing::Test {
 protected:
  static std::string chosen(std::initializer_list<const char*> environment, const char* to,
                            const std::string& proxy = {}, const std::string& no_proxy = {}) {
    std::vector<const char*> all(environment);
    all.push_back(nullptr);
    variables = all.data();
    const auto rules = make_proxy_rules(proxy, no_proxy, true, variable);
    const auto* found = rules.find(url(to));
    return found ? found->name : "none";
  }
};

TEST_F(environment_proxies, are_chosen_by_scheme) {
  const auto both = {"http_proxy", "one:1", "https_proxy", "two:2", "all_proxy", "three:3"};
  EXPECT_EQ(chosen(both, "http://a.test/"), "http://one:1");
  EXPECT_EQ(chosen(both, "https://a.test/"), "http://two:2");
  EXPECT_EQ(chosen({"all_proxy", "socks5h://three:3"}, "http://a.test/"), "socks5h://three:3");
  EXPECT_EQ(chosen({"ALL_PROXY", "three:3"}, "https://a.test/"), "http://three:3");
  EXPECT_EQ(chosen({"HTTPS_PROXY", "two:2"}, "https://a.test/"), "http://two:2");
  EXPECT_EQ(chosen({"https_proxy", "two:2", "HTTPS_PROXY", "other:2"}, "https://a.test/"), "http://two:2");
  EXPECT_EQ(chosen({}, "http://a.test/"), "none");
}

TEST_F(environment_proxies, never_come_from_a_request_header_of_a_cgi_program) {
  EXPECT_EQ(chosen({"HTTP_PROXY", "evil:1"}, "http://a.test/"), "none");
  EXPECT_EQ(chosen({"HTTP_PROXY", "evil:1", "ALL_PROXY", "three:3"}, "http://a.test/"), "http://three:3");
}

TEST_F(environment_proxies, that_are_empty_count_as_none) {
  EXPECT_EQ(chosen({"http_proxy", "", "all_proxy", "three:3"}, "http://a.test/"), "http://three:3");
  EXPECT_EQ(chosen({"http_proxy", ""}, "http://a.test/"), "none");
}

TEST_F(environment_proxies, know_exceptions) {
  EXPECT_EQ(chosen({"http_proxy", "one:1", "no_proxy", "a.test"}, "http://a.test/"), "none");
  EXPECT_EQ(chosen({"http_proxy", "one:1", "NO_PROXY", "a.test"}, "http://a.test/"), "none");
  EXPECT_EQ(chosen({"http_proxy", "one:1", "no_proxy", "b.test", "NO_PROXY", "a.test"}, "http://a.test/"),
            "http://one:1")
      << "lower case wins";
  EXPECT_EQ(chosen({"no_proxy", "a.test"}, "http://a.test/", "given:1"), "none") << "also for a given proxy";
  EXPECT_EQ(chosen({"no_proxy", "a.test"}, "http://a.test/", "given:1", "b.test"), "http://given:1")
      << "what is given replaces the environment's";
}

TEST_F(environment_proxies, yield_to_one_that_is_given) {
  EXPECT_EQ(chosen({"http_proxy", "one:1"}, "http://a.test/", "given:1"), "http://given:1");
}

TEST(proxies, read_requests_in_absolute_form) {
  request what;
  what.url = url("http://a.test:8080/p?q");
  const auto proxy = parse_proxy("u:p@proxy.test");
  std::string head = "GET /p?q HTTP/1.1\r\nHost: a.test:8080\r\n\r\n";
  rewrite_for_proxy(head, what, proxy);
  EXPECT_EQ(head,
            "GET http://a.test:8080/p?q HTTP/1.1\r\nProxy-Authorization: Basic dTpw\r\nHost: a.test:8080\r\n\r\n");
}

}  // namespace
