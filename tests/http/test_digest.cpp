#include "http/message/digest.hpp"
#include "http/support.hpp"

#include <fmt/format.h>

#include <set>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::digest_authorization;
using fanout::http::digest_challenge;
using fanout::http::digest_login;
using fanout::http::parse_digest_challenge;
using fanout_test::by_version::client;
using testing::HasSubstr;
using testing::Not;

constexpr const char* nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
constexpr const char* client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

digest_challenge challenge_of(std::string_view text) {
  const auto made = parse_digest_challenge({text});
  EXPECT_TRUE(made) << text;
  return made.value_or(digest_challenge{});
}

std::string rfc_challenge(const std::string& algorithm) {
  return fmt::format(
      "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={}, nonce=\"{}\", "
      "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
      algorithm, nonce);
}

// RFC 7616 section 3.9.1.
TEST(digest, the_examples_of_the_rfc) {
  for (const auto& [algorithm, answer] :
       {std::pair("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        std::pair("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")}) {
    const std::string made =
        digest_authorization(challenge_of(rfc_challenge(algorithm)),
                             {"Mufasa", "Circle of Life", "GET", "/dir/index.html", client_nonce, 1});
    EXPECT_EQ(made, fmt::format("Digest username=\"Mufasa\", realm=\"http-auth@example.org\", nonce=\"{}\", "
                                "uri=\"/dir/index.html\", response=\"{}\", algorithm={}, cnonce=\"{}\", nc=00000001, "
                                "qop=auth, opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
                                nonce, answer, algorithm, client_nonce));
  }
}

// RFC 2617 section 3.5, whose server says no algorithm; and what RFC 2069 made of it, without qop.
TEST(digest, older_servers) {
  const std::string old = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
  const auto made = [](const std::string& challenge) {
    return digest_authorization(challenge_of(challenge),
                                {"Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b", 1});
  };
  EXPECT_THAT(made(old + ", qop=auth"), HasSubstr("response=\"6629fae49393a05397450978507c4ef1\""));
  EXPECT_THAT(made(old), HasSubstr("response=\"670fd8c2df070c60b045671b8b24ff02\""));
  EXPECT_THAT(made(old), Not(HasSubstr("cnonce")));
}

TEST(digest, sessions_hash_the_secret_with_both_nonces) {
  const auto made = [](const char* algorithm) {
    return digest_authorization(challenge_of(rfc_challenge(algorithm)), {"u", "p", "GET", "/", "c", 1});
  };
  EXPECT_NE(made("MD5-sess").substr(0, 260), made("MD5").substr(0, 260));
  EXPECT_THAT(made("SHA-256-sess"), HasSubstr("algorithm=SHA-256-sess"));
  EXPECT_TRUE(challenge_of(rfc_challenge("md5-SESS")).session);
}

TEST(digest, the_best_challenge_that_can_be_met) {
  const auto best = parse_digest_challenge({"Basic realm=\"a, b\", Digest realm=\"x\", nonce=\"1\", qop=\"auth\"",
                                            "Digest realm=x, nonce=2, algorithm=SHA-256, qop=\"auth\", Bearer",
                                            "Digest realm=\"x\", nonce=\"3\", algorithm=TOKEN"});
  ASSERT_TRUE(best);
  EXPECT_EQ(best->nonce, "2");
  EXPECT_EQ(parse_digest_challenge({"Negotiate abc==, Digest realm=\"a\\\"b\", nonce=\"n\""})->realm, "a\"b");
  EXPECT_TRUE(challenge_of("dIgEsT realm=a,nonce=b,STALE=TRUE").stale);
  for (const char* none :
       {"", "Basic realm=\"Digest realm=a, nonce=b\"", "Digest", "Digest realm=\"x\"", "Digest nonce=\"x\"",
        "Digest realm=a, nonce=b, qop=auth-int", "Digest realm=a, nonce=b, algorithm=SHA-1",
        "Digest realm=\"a\nb\", nonce=c", ",,,", "=", "Digest realm=\"a"})
    EXPECT_FALSE(parse_digest_challenge({none})) << none;
  const std::string whole = rfc_challenge("SHA-256");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string_view cut = std::string_view(whole).substr(0, size);
    parse_digest_challenge({cut});
  }
}

TEST(digest, names_are_hashed_if_the_server_asks) {
  const auto made = digest_authorization(challenge_of("Digest realm=r, nonce=n, userhash=true, qop=auth"),
                                         {"user", "p", "GET", "/", "c", 1});
  EXPECT_THAT(made, Not(HasSubstr("\"user\"")));
  EXPECT_THAT(made, HasSubstr("userhash=true"));
}

TEST(digest, users_that_cannot_be_sent) {
  for (const char* wrong : {"", "user", "us\ner:p", "u:p\x7f"})
    EXPECT_THROW(digest_login{wrong}, fanout::error) << wrong;
}

/// The whole exchange, over each version of HTTP.
class digests : public each_version {};

const std::string unauthorized =
    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\nContent-Length: "
    "2\r\n\r\nno";

std::string count_in(const std::string& request) {
  const auto at = request.find("nc=");
  return at == request.npos ? "" : request.substr(at + 3, 8);
}

TEST_P(digests, a_digest_is_sent_once_the_server_asks_for_it_and_at_once_from_then_on) {
  std::vector<std::string> counts;
  scripted_server server([&](peer& with, int) {
    for (std::string request; !(request = with.read_request()).empty();) {
      counts.push_back(count_in(request));
      with.send(counts.back().empty() ? unauthorized : ok("in"));
    }
  });
  client_options options;
  options.digest = "user:password";
  asio::io_context loop(1);
  const client through(options);
  const auto first = get_on(loop, through, server.url("/a?b"));
  EXPECT_EQ(first.body, "in");
  EXPECT_EQ(first.measured.redirects, 0);
  EXPECT_EQ(get_on(loop, through, server.url("/c")).status, 200);
  EXPECT_THAT(counts, testing::ElementsAre("", "00000001", "00000002"));
  EXPECT_EQ(server.connections(), 1);
}

TEST_P(digests, a_wrong_password_is_not_tried_for_ever) {
  int requests = 0;
  scripted_server server([&](peer& with, int) {
    while (!with.read_request().empty()) {
      ++requests;
      with.send(unauthorized);
    }
  });
  client_options options;
  options.digest = "user:wrong";
  const auto refused = fetch(server.url(), options);
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body, "no");
  EXPECT_EQ(requests, 2);
}

TEST_P(digests, a_nonce_that_is_stale_is_replaced) {
  scripted_server server([&](peer& with, int) {
    for (std::string request; !(request = with.read_request()).empty();) {
      const bool is_new = request.find("nonce=\"n2\"") != request.npos;
      if (is_new)
        with.send(ok("in"));
      else if (request.find("nonce=\"n1\"") == request.npos)
        with.send(unauthorized);
      else
        with.send(
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=true\r\n"
            "Content-Length: 0\r\n\r\n");
    }
  });
  client_options options;
  options.digest = "user:password";
  EXPECT_EQ(fetch(server.url(), options).status, 200);
}

TEST_P(digests, a_digest_is_for_the_origin_of_the_url_alone) {
  std::string seen;
  scripted_server other([&](peer& with, int) {
    for (std::string request; !(request = with.read_request()).empty();) {
      seen += request;
      with.send(unauthorized);
    }
  });
  scripted_server server([&](peer& with, int) {
    for (std::string request; !(request = with.read_request()).empty();)
      with.send(count_in(request).empty()
                    ? unauthorized
                    : "HTTP/1.1 302 There\r\nLocation: " + other.url() + "\r\nContent-Length: 0\r\n\r\n");
  });
  client_options options;
  options.digest = "user:password";
  EXPECT_EQ(fetch(server.url(), options).status, 401);
  EXPECT_THAT(seen, Not(HasSubstr("Digest")));
}

// As curl's --anyauth.
TEST_P(digests, basic_is_sent_where_it_is_asked_for_and_wanted) {
  for (const bool wanted : {false, true}) {
    for (const char* const asked : {"Basic realm=\"r\"", "Negotiate, Basic realm=\"r, x=1\"",
                                    "Digest realm=\"r\", nonce=\"n\", algorithm=X, basic"}) {
      std::vector<std::string> seen;
      scripted_server server([&](peer& with, int) {
        for (std::string request; !(request = with.read_request()).empty();) {
          seen.push_back(request);
          with.send(request.find("Basic dXNlcjpwYXNzd29yZA==") != request.npos
                        ? ok("in")
                        : "HTTP/1.1 401 No\r\nWWW-Authenticate: " + std::string(asked) +
                              "\r\nContent-Length: 2\r\n\r\nno");
        }
      });
      client_options options;
      options.digest = "user:password";
      options.basic_if_asked = wanted;
      EXPECT_EQ(fetch(server.url(), options).status, wanted ? 200 : 401) << asked;
      ASSERT_EQ(seen.size(), wanted ? 2u : 1u);
      EXPECT_THAT(seen.front(), Not(HasSubstr("uthorization:"))) << "before it was asked for";
    }
  }
  EXPECT_TRUE(fanout::http::asks_for_basic({"Digest realm=\"Basic\", nonce=\"n\"", "basic"}));
  EXPECT_FALSE(fanout::http::asks_for_basic({"Digest realm=\"Basic\", nonce=\"n\", basic=1", ""}));
}

INSTANTIATE_TEST_SUITE_P(versions, digests, both_versions(), name_of_version);

}  // namespace
