#include "http/cookies/cookie_parser.hpp"
#include "http/support.hpp"
#include "support/nginx.hpp"

namespace {

using namespace fanout_test;
using fanout::http::client_options;
using fanout::http::cookie;
using fanout::http::cookie_jar;
using fanout::http::cookie_limits;
using fanout::http::parse_cookie_date;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using testing::HasSubstr;
using testing::Not;

/// A jar with a clock of its own.
class cookies : public testing::Test {
 protected:
  bool set(const std::string& from, const std::string& header) { return jar_.store(url(from), header); }
  std::string sent(const std::string& to) { return jar_.header_for(url(to)); }

  sys_seconds now_{seconds(1'700'000'000)};
  cookie_jar jar_{{}, [this] { return now_; }};
};

TEST_F(cookies, go_back_to_their_host_alone) {
  EXPECT_TRUE(set("http://www.example.org/", "a=1"));
  EXPECT_EQ(sent("http://www.example.org/any"), "a=1");
  EXPECT_EQ(sent("https://www.example.org:8443/"), "a=1") << "ports and schemes share cookies";
  for (const char* other : {"http://example.org/", "http://x.www.example.org/", "http://www.example.com/"})
    EXPECT_EQ(sent(other), "") << other;
}

TEST_F(cookies, with_a_domain_go_to_the_hosts_below_it) {
  EXPECT_TRUE(set("http://www.example.org/", "a=1; Domain=.Example.ORG"));
  for (const char* host : {"http://example.org/", "http://www.example.org/", "http://a.b.example.org/"})
    EXPECT_EQ(sent(host), "a=1") << host;
  for (const char* host : {"http://badexample.org/", "http://example.org.evil.com/", "http://org/"})
    EXPECT_EQ(sent(host), "") << host;
}

TEST_F(cookies, for_others_and_for_public_suffixes_are_refused) {
  for (const char* domain : {"other.org", "x.www.example.co.uk", "le.co.uk", "ample.co.uk", "co.uk", ".co.uk", "uk",
                             "co.uk.", "example.co.uk.", "example..co.uk", "%65xample.co.uk%2f"})
    EXPECT_FALSE(set("http://www.example.co.uk/", std::string("a=1; Domain=") + domain)) << domain;
  EXPECT_FALSE(set("http://user.github.io/", "a=1; Domain=github.io")) << "a suffix of the private part of the list";
  EXPECT_FALSE(set("http://a.localdomain/", "a=1; Domain=localdomain")) << "an unlisted name is its own suffix";
  EXPECT_EQ(jar_.size(), 0u);
  EXPECT_TRUE(set("http://github.io/", "a=1; Domain=github.io"));
  EXPECT_EQ(sent("http://github.io/"), "a=1");
  EXPECT_EQ(sent("http://user.github.io/"), "") << "the suffix itself may have cookies, for itself";
}

TEST_F(cookies, of_hosts_with_a_trailing_dot_stay_apart) {
  EXPECT_TRUE(set("http://example.org./", "a=1"));
  EXPECT_EQ(sent("http://example.org/"), "");
  EXPECT_EQ(sent("http://example.org./"), "a=1");
  EXPECT_FALSE(set("http://example.org./", "b=1; Domain=org."));
  EXPECT_FALSE(set("http://example.org./", "b=1; Domain=example.org"));
}

TEST_F(cookies, of_addresses_are_for_the_address_alone) {
  EXPECT_TRUE(set("http://127.0.0.1/", "a=1; Domain=127.0.0.1"));
  EXPECT_EQ(sent("http://0x7f.1/"), "a=1");
  EXPECT_FALSE(set("http://127.0.0.1/", "b=1; Domain=0.0.1"));
  EXPECT_FALSE(set("http://127.0.0.1/", "b=1; Domain=1"));
  EXPECT_EQ(sent("http://9.127.0.0.1.example/"), "");
  EXPECT_TRUE(set("http://[::1]/", "c=1"));
  EXPECT_EQ(sent("http://[0::1]/"), "c=1");
}

TEST_F(cookies, of_hosts_in_other_scripts) {
  EXPECT_TRUE(
      set("http://www.b\xC3\xBC"
          "cher.example/",
          "a=1; Domain=b\xC3\xBC"
          "cher.example"));
  EXPECT_EQ(sent("http://xn--bcher-kva.example/"), "a=1");
}

TEST_F(cookies, belong_to_a_path) {
  EXPECT_TRUE(set("http://h.example/a/b/page?x=/y", "default=1"));
  EXPECT_TRUE(set("http://h.example/a/b/page", "given=1; Path=/a"));
  EXPECT_TRUE(set("http://h.example/top", "root=1; Path=relative/is/ignored"));
  EXPECT_EQ(sent("http://h.example/a/b"), "default=1; given=1; root=1") << "longer paths first";
  EXPECT_EQ(sent("http://h.example/a/b/c"), "default=1; given=1; root=1");
  EXPECT_EQ(sent("http://h.example/a"), "given=1; root=1");
  EXPECT_EQ(sent("http://h.example/ab"), "root=1");
}

TEST_F(cookies, are_parsed_as_servers_write_them) {
  EXPECT_TRUE(set("http://a.example/", "  name  =  a=b \"c\"  ; Unknown; =x; HttpOnly"));
  EXPECT_EQ(sent("http://a.example/"), "name=a=b \"c\"");
  EXPECT_TRUE(set("http://b.example/", "bare"));
  EXPECT_EQ(sent("http://b.example/"), "bare");
  EXPECT_TRUE(set("http://c.example/", "=v"));
  EXPECT_EQ(sent("http://c.example/"), "v");
  EXPECT_TRUE(set("http://d.example/", "empty="));
  EXPECT_EQ(sent("http://d.example/"), "empty=");
  EXPECT_TRUE(set("http://f.example/", "a=b;\tPath=/"));
  EXPECT_EQ(sent("http://f.example/x/y"), "a=b");
  for (const char* header : {"", ";", "=", " = ; Path=/", "a=b\x01", "a=b\tc", "a=b\x7f", "a=b; Path=/\x02"})
    EXPECT_FALSE(set("http://e.example/", header)) << testing::PrintToString(header);
}

TEST_F(cookies, of_an_address_in_a_zone_are_none) {
  EXPECT_TRUE(set("http://[fe80::1]/", "a=1"));
  EXPECT_FALSE(set("http://[fe80::1%25eth0]/", "a=2"));
  EXPECT_EQ(sent("http://[fe80::1%25eth1]/"), "") << "it is another machine";
  EXPECT_EQ(sent("http://[fe80::1]/"), "a=1");
}

TEST_F(cookies, replace_their_equals_and_keep_their_place) {
  set("http://h.example/", "a=1");
  set("http://h.example/", "b=1");
  set("http://h.example/", "a=2");
  set("http://h.example/", "a=other path; Path=/x");
  EXPECT_EQ(sent("http://h.example/"), "a=2; b=1");
  EXPECT_EQ(jar_.size(), 3u);
}

TEST_F(cookies, expire) {
  set("http://h.example/", "session=1");
  set("http://h.example/", "age=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:01 GMT");
  set("http://h.example/", "date=1; Expires=Tue, 14 Nov 2023 22:13:40 GMT");  // 20 s from now
  EXPECT_EQ(sent("http://h.example/"), "session=1; age=1; date=1") << "Max-Age goes before Expires";
  now_ += seconds(9);
  EXPECT_EQ(sent("http://h.example/"), "session=1; age=1; date=1");
  now_ += seconds(1);
  EXPECT_EQ(sent("http://h.example/"), "session=1; date=1");
  now_ += seconds(10);
  EXPECT_EQ(sent("http://h.example/"), "session=1");
  EXPECT_FALSE(set("http://h.example/", "session=; Max-Age=0")) << "that is how servers delete one";
  EXPECT_EQ(sent("http://h.example/"), "");
  EXPECT_TRUE(set("http://h.example/", "far=1; Max-Age=99999999999999999999"));
  ASSERT_EQ(jar_.cookies().size(), 1u);
  EXPECT_EQ(jar_.cookies()[0].expires, now_ + std::chrono::days(400));
  EXPECT_TRUE(set("http://h.example/", "odd=1; Max-Age=1x; Expires=never"));
  EXPECT_EQ(jar_.cookies()[1].expires, std::nullopt);
}

TEST_F(cookies, that_are_secure_neither_come_from_nor_go_over_plain_http) {
  EXPECT_FALSE(set("http://h.example/", "a=1; Secure"));
  EXPECT_TRUE(set("https://h.example/", "a=1; Secure"));
  EXPECT_EQ(sent("http://h.example/"), "");
  EXPECT_EQ(sent("https://h.example/"), "a=1");
  EXPECT_FALSE(set("http://h.example/", "a=evil")) << "nor are they replaced from there,";
  EXPECT_FALSE(set("http://h.example/", "a=evil; Domain=h.example")) << "nor put in the shade,";
  EXPECT_FALSE(set("http://h.example/", "a=; Max-Age=0")) << "nor deleted";
  EXPECT_EQ(sent("https://h.example/"), "a=1");
}

TEST_F(cookies, keep_what_their_names_promise) {
  EXPECT_FALSE(set("https://h.example/", "__Secure-a=1"));
  EXPECT_TRUE(set("https://h.example/", "__Secure-a=1; Secure"));
  EXPECT_FALSE(set("http://h.example/", "__Secure-b=1; Secure"));
  EXPECT_TRUE(set("https://h.example/", "__Host-a=1; Secure; Path=/"));
  for (const char* header :
       {"__Host-b=1; Path=/", "__Host-b=1; Secure; Path=/x", "__Host-b=1; Secure; Path=/; Domain=h.example",
        "__host-b=1; Path=/", "__HOST-b=1; Secure; Path=/; Domain=h.example", "__Host-b", "=__Host-b=1",
        "=__Secure-x=1; Secure"})
    EXPECT_FALSE(set("https://h.example/", header)) << header;
}

TEST_F(cookies, same_site_says_nothing_to_a_client_without_pages) {
  EXPECT_TRUE(set("http://h.example/", "a=1; SameSite=Strict"));
  EXPECT_TRUE(set("http://h.example/", "b=1; SameSite=None"));
  EXPECT_EQ(sent("http://h.example/"), "a=1; b=1");
}

TEST(cookie_limits, of_size_and_number) {
  sys_seconds at{seconds(1'700'000'000)};
  cookie_jar jar({.cookies = 20, .per_domain = 4, .cookie_bytes = 10}, [&] { return at; });
  const url page("https://a.site.example/");
  EXPECT_TRUE(jar.store(page, "n=12345678"));
  EXPECT_FALSE(jar.store(page, "n=1234567890"));
  EXPECT_TRUE(jar.store(page, "s=1; Secure"));
  EXPECT_TRUE(jar.store(page, "old=1; Max-Age=5"));
  EXPECT_TRUE(jar.store(page, "u=1"));
  EXPECT_EQ(jar.header_for(url("https://a.site.example/")), "n=12345678; s=1; old=1; u=1");
  at += seconds(5);
  EXPECT_TRUE(jar.store(url("https://b.site.example/"), "x=1"));  // one site, one limit; what has expired goes first
  EXPECT_EQ(jar.header_for(page), "n=12345678; s=1; u=1");
  EXPECT_TRUE(jar.store(page, "y=1"));  // then what is not secure and was not used for longest
  EXPECT_EQ(jar.header_for(url("https://b.site.example/")), "");
  EXPECT_EQ(jar.header_for(page), "n=12345678; s=1; u=1; y=1");

  for (int i = 0; i < 100; ++i) {
    jar.store(url("http://" + std::to_string(i) + ".example"), "c=1");
    EXPECT_EQ(jar.header_for(page), "n=12345678; s=1; u=1; y=1") << "what is in use stays";
    EXPECT_LE(jar.size(), 20u);
  }
  EXPECT_EQ(jar.header_for(url("http://99.example")), "c=1");
  EXPECT_EQ(jar.header_for(url("http://0.example")), "");
}

TEST(cookie_dates, in_the_forms_servers_have_used) {
  const sys_seconds expected{seconds(784'111'777)};
  for (const char* text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "6-nov-1994 8:49:37", "1994 November 6 08:49:37 UTC", "08:49:37;06/NOV/1994"})
    EXPECT_EQ(parse_cookie_date(text), expected) << text;
  EXPECT_EQ(parse_cookie_date("Thu, 01 Jan 1601 00:00:00 GMT"), sys_seconds{});
  for (const char* text : {"", "yesterday", "Sun, 06 Nov 1994", "06 Nov 1994 24:00:00", "06 Nov 1994 08:60:00",
                           "31 Feb 1994 00:00:00", "06 Nov 1600 00:00:00", "006 Nov 1994 00:00:00"})
    EXPECT_EQ(parse_cookie_date(text), std::nullopt) << text;
}

/// The client with a jar.
class cookies_sent : public each_version {
 protected:
  std::shared_ptr<cookie_jar> jar_ = std::make_shared<cookie_jar>();
  client_options with_jar() const {
    client_options options;
    options.cookies = jar_;
    return options;
  }
};

TEST_P(cookies_sent, are_off_unless_asked_for) {
  scripted_server server([](peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request())
      client.send("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: " + std::to_string(received.size()) +
                  "\r\n\r\n" + received);
  });
  fetch(server.url());
  EXPECT_THAT(fetch(server.url()).body, Not(HasSubstr("ookie")));
  fetch(server.url(), with_jar());
  EXPECT_THAT(fetch(server.url(), with_jar()).body, HasSubstr("Cookie: a=1\r\n"));
}

TEST_P(cookies_sent, by_nginx_come_back_on_every_hop) {
  const temporary_directory root;
  const nginx server(
      root.path(),
      std::string(over_h2() ? "http2 on;" : "") +
          "location = /login { add_header Set-Cookie \"id=7; Path=/; HttpOnly\" always; return 302 /page; }\n"
          "location = /page { return 200 \"$http_cookie\"; }\n"
          "location = /out { add_header Set-Cookie \"id=; Path=/; Max-Age=0\" always; return 303 /page; }\n");
  const auto logged_in = fetch(server.url("/login"), with_jar());
  EXPECT_EQ(logged_in.body, "id=7");
  ASSERT_EQ(logged_in.history.size(), 1u);
  EXPECT_EQ(logged_in.history[0].headers["set-cookie"], "id=7; Path=/; HttpOnly");

  asio::io_context loop(1);
  request what;
  what.url = url(server.url("/page"));
  what.headers.add("Cookie", "own=1");
  EXPECT_EQ(run_on(loop, client(with_jar()).send(what)).body, "id=7; own=1") << "beside the caller's";
  what.headers.add("Cookie", "two=2");
  EXPECT_EQ(run_on(loop, client(with_jar()).send(what)).body, "id=7; own=1; two=2");
  EXPECT_EQ(fetch(server.url("/out"), with_jar()).body, "");
  EXPECT_EQ(jar_->size(), 0u);
}

TEST_P(cookies_sent, stay_with_their_host_when_a_redirect_leaves_it) {
  scripted_server away([](peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request())
      client.send(ok(received));
  });
  scripted_server home(always("HTTP/1.1 302 Found\r\nSet-Cookie: jar=1\r\nLocation: " + away.url("/", "localhost") +
                              "\r\nContent-Length: 0\r\n\r\n"));
  asio::io_context loop(1);
  request what;
  what.url = url(home.url());
  what.headers.add("Cookie", "own=1");
  EXPECT_THAT(run_on(loop, client(with_jar()).send(what)).body, Not(HasSubstr("ookie")));
}

// A page that sets a cookie and asks to be loaded again is no circle; one that only asks is.
TEST_P(cookies_sent, change_what_a_redirect_to_the_same_page_means) {
  scripted_server server([](peer& client, int) {
    for (auto received = client.read_request(); !received.empty(); received = client.read_request())
      client.send(received.find("Cookie: seen=1") != std::string::npos
                      ? ok("in")
                      : "HTTP/1.1 302 Found\r\nSet-Cookie: seen=1\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_EQ(fetch(server.url(), with_jar()).body, "in");
  EXPECT_THAT(failure_of([&] { fetch(server.url()); }).message, HasSubstr("round in circles"));
}

INSTANTIATE_TEST_SUITE_P(versions, cookies_sent, both_versions(), name_of_version);

}  // namespace
