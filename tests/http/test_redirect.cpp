#include "http/certificates.hpp"
#include "http/support.hpp"

#include <algorithm>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::HasSubstr;
using testing::Not;

std::string redirect(int status, const std::string& to) {
  return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + to + "\r\nContent-Length: 4\r\n\r\nmove";
}

/// "/STATUS/REST" redirects to "/REST"; anything else echoes the request.
class redirects : public each_version {
 protected:
  static void play(peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request()) {
      const std::size_t path = received.find('/');
      if (std::isdigit(static_cast<unsigned char>(received[path + 1])))
        client.send(redirect(std::atoi(received.c_str() + path + 1),
                             received.substr(path + 4, received.find(' ', path) - path - 4)));
      else
        client.send(ok(received));
    }
  }
  fanout::http::response follow(request what, client_options options = {}) {
    asio::io_context loop(1);
    return run_on(loop, client(options).send(std::move(what)));
  }
  void SetUp() override {
    each_version::SetUp();
    server_ = std::make_unique<scripted_server>(play);
  }
  void TearDown() override {
    server_.reset();
    each_version::TearDown();
  }
  std::unique_ptr<scripted_server> server_;
};

TEST_P(redirects, methods_change_as_rfc_9110_section_15_4_says) {
  struct rule {
    int status;
    const char* method;
    const char* becomes;
  };
  for (const auto& [status, method, becomes] :
       {rule{301, "GET", "GET"}, rule{301, "POST", "GET"}, rule{302, "POST", "GET"}, rule{302, "PUT", "PUT"},
        rule{303, "POST", "GET"}, rule{303, "PUT", "GET"}, rule{307, "POST", "POST"}, rule{308, "POST", "POST"},
        rule{308, "GET", "GET"}}) {
    request what;
    what.method = method;
    what.url = url(server_->url("/" + std::to_string(status) + "/end"));
    if (std::string_view(method) != "GET") {
      what.body = "payload";
      what.headers.add("Content-Type", "text/x");
    }
    const bool keeps_body = std::string_view(method) == becomes && !what.body.empty();
    const auto answer = follow(std::move(what));
    EXPECT_THAT(answer.body, testing::StartsWith(std::string(becomes) + " /end ")) << status << method;
    EXPECT_EQ(answer.body.ends_with("payload"), keeps_body) << status << method;
    EXPECT_EQ(answer.body.find("Content-Type") != std::string::npos, keeps_body) << status << method;
    EXPECT_EQ(answer.url.str(), server_->url("/end"));
    EXPECT_EQ(answer.measured.redirects, 1);
  }
  EXPECT_EQ(server_->connections(), over_h2() ? 9 : 9 + 2)
      << "a redirect's body is read, so that its connection serves the next hop; "
         "only a POST does not rely on one that has just answered";
}

// As curl's --post301 and its relatives: of one status each, and of POST alone.
TEST_P(redirects, a_post_stays_one_where_it_is_asked_for) {
  for (const int status : {301, 302, 303}) {
    for (const int kept : {301, 302, 303}) {
      client_options options;
      options.keep_post_301 = kept == 301;
      options.keep_post_302 = kept == 302;
      options.keep_post_303 = kept == 303;
      request what;
      what.method = "POST";
      what.body = "payload";
      what.url = url(server_->url("/" + std::to_string(status) + "/end"));
      const auto answer = follow(what, options);
      EXPECT_EQ(answer.body.starts_with("POST /end "), status == kept) << status << kept;
      EXPECT_EQ(answer.body.ends_with("payload"), status == kept) << status << kept;
    }
  }
  client_options options;
  options.keep_post_303 = true;
  request what;
  what.method = "PUT";
  what.url = url(server_->url("/303/end"));
  EXPECT_TRUE(follow(what, options).body.starts_with("GET /end "));
}

TEST_P(redirects, to_a_scheme_that_is_not_allowed_are_errors) {
  client_options options;
  options.redirects_to_http = false;
  request what;
  what.url = url(server_->url("/302/end"));
  EXPECT_EQ(failure_of([&] { follow(what, options); }).kind, fanout::failure_kind::refused_by_policy);
  what.url = url(server_->url("/end"));
  EXPECT_EQ(follow(what, options).status, 200);
  what.url = url(server_->url("/302/end"));
  options.redirects_to_http = true;
  options.redirects_to_https = false;
  EXPECT_EQ(follow(what, options).status, 200);
}

TEST_P(redirects, take_credentials_elsewhere_only_if_trusted) {
  scripted_server elsewhere([](peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request())
      client.send(ok(received));
  });
  scripted_server server([&](peer& client, int) {
    while (!client.read_request().empty()) client.send(redirect(302, elsewhere.url("/end")));
  });
  for (const bool trusted : {false, true}) {
    client_options options;
    options.trust_redirects = trusted;
    options.authorization = "Basic bWU6c2VjcmV0";
    request what;
    what.url = url(server.url("/"));
    what.headers.add("Cookie", "a=1");
    what.headers.add("Host", "given.test");
    const auto answer = follow(what, options);
    EXPECT_EQ(answer.body.find("Basic bWU6c2VjcmV0") != std::string::npos, trusted);
    EXPECT_EQ(answer.body.find("a=1") != std::string::npos, trusted);
    EXPECT_EQ(answer.body.find("given.test"), std::string::npos) << "it is another host";
    options.authorization.clear();
    std::string with_user = server.url("/");
    with_user.insert(with_user.find("//") + 2, "me:secret@");
    what.url = url(with_user);
    EXPECT_EQ(follow(what, options).body.find("Basic bWU6c2VjcmV0") != std::string::npos, trusted);
  }
}

TEST_P(redirects, to_relative_places) {
  scripted_server server([](peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request()) {
      if (received.starts_with("GET /a/b "))
        client.send(redirect(302, "../c d?e"));
      else
        client.send(ok(received));
    }
  });
  EXPECT_EQ(fetch(server.url("/a/b")).url.str(), server.url("/c%20d?e"));
}

TEST_P(redirects, name_the_page_as_referer_if_asked) {
  client_options options;
  request what;
  what.url = url(server_->url("/302/302/end?q=1"));
  EXPECT_THAT(follow(what, options).body, Not(HasSubstr("eferer")));
  options.redirect_referer = true;
  what.headers.add("Referer", "http://first.test/");
  std::string with_user = server_->url("/302/end?q=1#part");
  with_user.insert(with_user.find("//") + 2, "me:secret@");
  what.url = url(with_user);
  EXPECT_THAT(follow(what, options).body, HasSubstr("eferer: " + server_->url("/302/end?q=1") + "\r\n"));
  what.url = url(server_->url("/end"));
  EXPECT_THAT(follow(what, options).body, HasSubstr("eferer: http://first.test/\r\n"));
}

TEST_P(redirects, have_a_limit) {
  scripted_server server([](peer& client, int) {
    int page = 0;
    while (!client.read_request().empty()) client.send(redirect(302, "/" + std::to_string(++page)));
  });
  client_options options;
  options.max_redirects = 3;
  const auto failed = failure_of([&] { fetch(server.url(), options); });
  EXPECT_THAT(failed.message, HasSubstr("more than 3 redirects"));
  EXPECT_EQ(failed.attempts, 4);
  options.max_redirects = 0;
  const auto answer = fetch(server.url(), options);
  EXPECT_EQ(answer.status, 302);
  EXPECT_EQ(answer.body, "move");
}

TEST_P(redirects, that_go_round_in_circles_are_noticed) {
  const auto failed = failure_of([&] {
    scripted_server server([](peer& client, int) {
      for (auto received = client.read_request(); !received.empty(); received = client.read_request())
        client.send(redirect(302, received.starts_with("GET /a ") ? "/b" : "/a"));
    });
    fetch(server.url("/start"));
  });
  EXPECT_EQ(failed.kind, failure_kind::refused_by_policy);
  EXPECT_THAT(failed.message, HasSubstr("round in circles"));
  EXPECT_THAT(failed.message, HasSubstr("/b leads back to"));
  EXPECT_EQ(failed.attempts, 3);
  // A form that is sent and leads back to its own page is read there, not sent again.
  scripted_server form([](peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request())
      client.send(received.starts_with("POST ") ? redirect(303, "/form") : ok("sent"));
  });
  request what;
  what.method = "POST";
  what.url = url(form.url("/form"));
  EXPECT_EQ(follow(std::move(what)).body, "sent");
}

TEST_P(redirects, are_the_history_of_the_response) {
  const auto answer = follow({.url = url(server_->url("/301/302/307/end"))});
  ASSERT_EQ(answer.history.size(), 3u);
  EXPECT_EQ(answer.history[0].status, 301);
  EXPECT_EQ(answer.history[0].url.str(), server_->url("/301/302/307/end"));
  EXPECT_EQ(answer.history[2].status, 307);
  EXPECT_EQ(answer.history[2].headers["location"], "/end");
  EXPECT_EQ(answer.url.str(), server_->url("/end"));
  EXPECT_TRUE(follow({.url = url(server_->url("/end"))}).history.empty());
}

TEST_P(redirects, without_a_place_to_go_are_answers) {
  scripted_server server(always("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(fetch(server.url()).status, 302);
  scripted_server choices(always("HTTP/1.1 300 Choices\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(fetch(choices.url()).status, 300);
}

TEST_P(redirects, with_an_empty_place_are_answers) {
  scripted_server server(always("HTTP/1.1 302 Found\r\nLocation: \r\nContent-Length: 4\r\n\r\nhere"));
  const auto answer = fetch(server.url());
  EXPECT_EQ(answer.status, 302);
  EXPECT_EQ(answer.body, "here");
  EXPECT_TRUE(answer.history.empty());
}

// Nobody wants the body of a redirect: what is wrong with it costs the connection, and nothing else.
TEST_P(redirects, whose_body_is_broken_are_followed) {
  struct body {
    const char* label;
    std::string framing_and_bytes;
    bool closes = true;  ///< the server does, after it
  };
  const std::string large(200'000, 'x');
  for (const auto& [label, bytes, closes] : {
           body{"not gzip", "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nmove"},
           body{"too many codings", "Content-Encoding: gzip, br, zstd, gzip, br\r\nContent-Length: 4\r\n\r\nmove"},
           body{"cut", "Content-Length: 100\r\n\r\nmove"},
           body{"cut before its first byte", "Content-Length: 100\r\n\r\n"},
           body{"no chunks", "Transfer-Encoding: chunked\r\n\r\n<html>\r\n"},
           body{"cut in its chunks", "Transfer-Encoding: chunked\r\n\r\n9\r\nmove"},
           body{"malformed trailers", "Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n"},
           body{"two lengths", "Content-Length: 4\r\nContent-Length: 5\r\n\r\nmove"},
           body{"length and chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nmove"},
           body{"unknown coding", "Transfer-Encoding: zip\r\n\r\nmove"},
           body{"over the limit", "Content-Length: 99999999999\r\n\r\nmove", false},
           body{"never sent", "Content-Length: 100000\r\n\r\n", false},
           body{"without end", "\r\nmove", false},
           body{"over what is read", "Transfer-Encoding: chunked\r\n\r\n" + chunk(large), false},
           body{"longer than its length", "Content-Length: 2\r\n\r\nmove", false},
       }) {
    // What is wrong with chunks, or lengths that contradict each other, is wrong with HTTP/1.1 alone.
    if (over_h2() && (bytes.starts_with("Transfer-Encoding") || std::string_view(label).find("length") != bytes.npos))
      continue;
    for (const bool streamed : {false, true}) {
      SCOPED_TRACE(std::string(label) + (streamed ? ", streamed" : ""));
      scripted_server server([&](peer& client, int) {
        for (auto received = client.read_request(); !received.empty(); received = client.read_request()) {
          if (!received.starts_with("GET /go ")) {
            client.send(ok("there"));
            continue;
          }
          client.send("HTTP/1.1 302 Found\r\nLocation: /there\r\n" + bytes);
          if (closes) return;
        }
      });
      asio::io_context loop(1);
      const client through;
      if (streamed) {
        const auto read = [](client from, request what) -> fanout::task<std::string> {
          auto opening = from.open(std::move(what));
          auto stream = co_await std::move(opening);
          auto reading = stream.read_all();
          co_return co_await std::move(reading);
        };
        EXPECT_EQ(run_on(loop, read(through, {.url = url(server.url("/go"))})), "there");
      } else {
        const auto answer = get_on(loop, through, server.url("/go"));
        EXPECT_EQ(answer.body, "there");
        EXPECT_EQ(answer.history.size(), 1u);
      }
      if (!over_h2()) {
        EXPECT_EQ(server.connections(), 2) << "what may follow is not the next response";
      }
    }
  }
}

TEST_P(redirects, whose_body_is_reset_are_followed) {
  scripted_server server([](peer& client, int) {
    if (!client.read_request().starts_with("GET /go ")) return static_cast<void>(client.send(ok("there")));
    client.send("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 100\r\n\r\nmove");
    client.reset();
  });
  EXPECT_EQ(fetch(server.url("/go")).body, "there");
}

TEST_P(redirects, that_are_not_followed_have_a_body_that_counts) {
  scripted_server server(
      always("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nmove"));
  client_options options;
  options.max_redirects = 0;
  EXPECT_EQ(failure_of([&] { fetch(server.url(), options); }).kind, failure_kind::protocol);
}

TEST_P(redirects, to_two_places_at_once_are_refused) {
  const auto answer = [](const std::string& second) {
    return "HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: " + second + "\r\nContent-Length: 0\r\n\r\n";
  };
  scripted_server server([&](peer& client, int) {
    for (std::string got = client.read_request(); !got.empty(); got = client.read_request())
      client.send(got.starts_with("GET /a") ? ok("there") : answer(got.starts_with("GET /same") ? "/a" : "/b"));
  });
  EXPECT_EQ(failure_of([&] { fetch(server.url("/two")); }).kind, failure_kind::protocol);
  EXPECT_EQ(fetch(server.url("/same")).body, "there");
}

TEST_P(redirects, lead_to_http_and_https_only) {
  for (const char* place : {"file:///etc/passwd", "ftp://h/", "gopher://h/", "https://", "http://h:99999/"}) {
    scripted_server server(always(redirect(302, place)));
    const auto failed = failure_of([&] { fetch(server.url()); });
    EXPECT_EQ(failed.kind, failure_kind::refused_by_policy) << place;
  }
}

TEST_P(redirects, drop_credentials_when_the_origin_changes) {
  scripted_server elsewhere(play);
  const auto start = [&](const std::string& place) {
    request what;
    what.url = url(server_->url("/302/" + place));
    what.headers = {{"Authorization", "Bearer secret"}, {"Cookie", "secret=1"}, {"X-Kept", "yes"}};
    return follow(std::move(what)).body;
  };
  const std::string same = start("end");
  EXPECT_THAT(same, HasSubstr("Bearer secret"));
  EXPECT_THAT(same, HasSubstr("Cookie: secret=1"));

  scripted_server away(always(redirect(302, elsewhere.url("/end"))));
  request what;
  what.url = url("http://user:secret@127.0.0.1:" + std::to_string(away.port()) + "/");
  what.headers = {{"Cookie", "secret=1"}, {"X-Kept", "yes"}};
  const auto other_port = follow(what).body;
  EXPECT_THAT(other_port, Not(HasSubstr("secret")));
  EXPECT_THAT(other_port, Not(HasSubstr("Authorization")));
  EXPECT_THAT(other_port, HasSubstr("X-Kept: yes"));

  scripted_server to_name(always(redirect(302, elsewhere.url("/end", "localhost"))));
  what.url = url(to_name.url());
  what.headers = {{"authorization", "Bearer secret"}};
  EXPECT_THAT(follow(what).body, Not(HasSubstr("secret")));
}

TEST_P(redirects, send_no_user_from_https_to_http) {
  const issuer trusted;
  const auto context = trusted.server();
  const std::string place = "u:secret@127.0.0.1:" + std::to_string(server_->port()) + "/end";
  scripted_server secure(always(redirect(302, "http://" + place)), context.get());
  client_options options;
  options.ca_file = trusted.ca_file();
  request what;
  what.url = url(secure.url());
  what.headers = {{"Authorization", "Bearer secret"}, {"Cookie", "secret=1"}};
  const auto body = follow(std::move(what), options).body;
  EXPECT_THAT(body, Not(HasSubstr("Authorization")));
  EXPECT_THAT(body, Not(HasSubstr("Cookie")));
  // Between pages of one scheme, who the server names is who it means.
  scripted_server plain(always(redirect(302, "http://" + place)));
  EXPECT_THAT(fetch(plain.url()).body, HasSubstr("Authorization: Basic"));
}

TEST_P(redirects, keep_the_urls_user_on_the_same_origin) {
  request what;
  what.url = url("http://user:pw@127.0.0.1:" + std::to_string(server_->port()) + "/302/end");
  EXPECT_THAT(follow(std::move(what)).body, HasSubstr("Authorization: Basic dXNlcjpwdw=="));
}

INSTANTIATE_TEST_SUITE_P(versions, redirects, both_versions(), name_of_version);

}  // namespace
