// The options that make the request, with curl's habits, and what they come to at a server.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "http/certificates.hpp"
#include "http/scripted_server.hpp"
#include "support/nginx.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::cli::testing;
using fanout_test::nginx;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class fetch_request : public ::testing::Test {
 protected:
  /// The request as the origin received it.
  json::object echoed(std::vector<std::string> options) {
    options.push_back(origin_.url("/echo"));
    const ended result = fetch(std::move(options));
    EXPECT_EQ(result.status, 0) << result.errors;
    return json::parse(result.output).as_object();
  }
  std::string refused(std::vector<std::string> options) {
    options.push_back(origin_.url("/echo"));
    const ended result = fetch(std::move(options));
    EXPECT_EQ(result.status, 2) << result.output;
    return result.errors;
  }
  static std::string header(const json::object& request, std::string_view name) {
    const auto& headers = request.at("headers").as_object();
    const auto found = headers.find(name);
    return found == headers.end() ? "(none)" : std::string(found->value().as_string());
  }
  fanout::origin::background origin_;
  temporary_directory directory_;
};

TEST_F(fetch_request, forms) {
  const std::string file = directory_.write("form", std::string("c=3\r\n\0&d=4\n", 11));
  const auto sent = echoed({"-d", "a=1", "--data", "b=2", "-d", "@" + file});
  EXPECT_EQ(text_of(sent, "method"), "POST");
  EXPECT_EQ(text_of(sent, "body"), "a=1&b=2&c=3&d=4");
  EXPECT_EQ(text_of(echoed({"-d", "a\nb"}), "body"), "a\nb") << "only what is in a file";
  EXPECT_EQ(header(sent, "Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(header(echoed({"-d", "x", "-H", "Content-Type: text/csv"}), "Content-Type"), "text/csv");
  EXPECT_EQ(header(echoed({}), "Content-Type"), "(none)");
}

TEST_F(fetch_request, bodies_that_are_empty_have_their_type) {
  for (const char* option : {"-d", "--data-binary", "--json"}) {
    const auto sent = echoed({option, ""});
    EXPECT_EQ(text_of(sent, "method"), "POST");
    EXPECT_THAT(header(sent, "Content-Type"), StartsWith("application/"));
    EXPECT_EQ(header(sent, "Content-Length"), "0");
  }
}

TEST_F(fetch_request, bodies_from_standard_input) {
  const ended sent = fetch({"--json", "@-", origin_.url("/echo")}, "[1]\n");
  EXPECT_EQ(text_of(json::parse(sent.output).as_object(), "body"), "[1]\n") << sent.errors;
  const ended both = fetch({"-d", "@-", "-i", "-"});
  EXPECT_EQ(both.status, 2);
  EXPECT_THAT(both.errors, HasSubstr("@-: standard input is the list"));
}

TEST_F(fetch_request, forms_that_are_sent_as_they_are) {
  const std::string file = directory_.write("form", "c=3\r\n");
  const auto sent = echoed({"--data-binary", "a=1", "--data-binary", "@" + file});
  EXPECT_EQ(text_of(sent, "method"), "POST");
  EXPECT_EQ(text_of(sent, "body"), "a=1&c=3\r\n");
  EXPECT_EQ(header(sent, "Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(text_of(echoed({"--data-binary", "a", "-d", "b", "--data-raw", "@c"}), "body"), "a&b&@c") << "in order";
}

TEST_F(fetch_request, json) {
  const auto sent = echoed({"--json", R"({"a":)", "--json", "1}"});
  EXPECT_EQ(text_of(sent, "method"), "POST");
  EXPECT_EQ(text_of(sent, "body"), R"({"a":1})");
  EXPECT_EQ(header(sent, "Content-Type"), "application/json");
  EXPECT_EQ(header(sent, "Accept"), "application/json");
  EXPECT_EQ(header(echoed({"--json", "1", "-H", "Accept: text/x"}), "Accept"), "text/x");
}

TEST_F(fetch_request, a_file_that_is_read_while_it_is_sent) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>('a' + i % 26);
  const std::string file = directory_.write("data", bytes);
  const auto sent = echoed({"--data-file", file, "-X", "PUT"});
  EXPECT_EQ(text_of(sent, "method"), "PUT");
  EXPECT_TRUE(text_of(sent, "body") == bytes);
  EXPECT_EQ(text_of(echoed({"--data-file", file}), "method"), "POST");
  EXPECT_EQ(header(sent, "Content-Length"), "300000");
}

TEST_F(fetch_request, the_later_of_two_options_that_contradict_each_other_counts) {
  EXPECT_EQ(text_of(echoed({"--http2-prior-knowledge", "--http1.1"}), "method"), "GET") << "by HTTP/1.1";
}

TEST_F(fetch_request, data_in_the_url) {
  const auto sent = echoed({"-G", "-d", "a=1", "--data-urlencode", "q=x y&z", "--url-query", "+b"});
  EXPECT_EQ(text_of(sent, "method"), "GET");
  EXPECT_EQ(text_of(sent, "target"), "/echo?a=1&q=x+y%26z&b");
  EXPECT_EQ(text_of(sent, "body"), "");
  EXPECT_EQ(text_of(echoed({"--url-query", "a=b c", "-d", "x"}), "target"), "/echo?a=b+c");
  EXPECT_THAT(refused({"-G", "-d", "a\nb"}), HasSubstr("-G: 'a\\x0ab' contains a control character"));
}

TEST_F(fetch_request, forms_with_files) {
  const std::string file = directory_.write("f.txt", "text");
  const auto sent = echoed({"-F", "a=1", "-F", "f=@" + file + ";type=text/x"});
  EXPECT_EQ(text_of(sent, "method"), "POST");
  EXPECT_THAT(header(sent, "Content-Type"), StartsWith("multipart/form-data; boundary="));
  EXPECT_THAT(text_of(sent, "body"), AllOf(HasSubstr("name=\"a\"\r\n\r\n1\r\n"),
                                           HasSubstr("filename=\"f.txt\"\r\nContent-Type: text/x\r\n\r\ntext\r\n")));
  EXPECT_EQ(text_of(echoed({"-F", "a=1", "-X", "PUT"}), "method"), "PUT");
  EXPECT_THAT(refused({"-F", "a"}), HasSubstr("--form: 'a' is not a field of a form"));
  EXPECT_THAT(refused({"-F", "a=@/no/such"}), HasSubstr("--form: cannot read /no/such"));
}

TEST_F(fetch_request, uploads) {
  const std::string file = directory_.write("f.txt", "text");
  const auto sent = echoed({"-T", file});
  EXPECT_EQ(text_of(sent, "method"), "PUT");
  EXPECT_EQ(text_of(sent, "body"), "text");
  EXPECT_EQ(header(sent, "Content-Length"), "4");
  EXPECT_EQ(text_of(echoed({"-T", file, "-X", "POST"}), "method"), "POST");
  const ended piped = fetch({"-T", "-", origin_.url("/echo")}, "piped");
  EXPECT_EQ(text_of(json::parse(piped.output).as_object(), "body"), "piped") << piped.errors;
  EXPECT_THAT(refused({"-T", "/no/such"}), HasSubstr("cannot read /no/such"));
  EXPECT_THAT(refused({"-T", file, "-d", "x"}), HasSubstr("use one of them"));
}

TEST_F(fetch_request, parts_and_conditions) {
  const std::string file = directory_.write("page", "0123456789");
  const nginx server(directory_ / "");
  const auto part = [&](const char* range) { return fetch({"-r", range, server.url("/page")}).output; };
  EXPECT_EQ(part("2-4"), "234");
  EXPECT_EQ(part("7"), "789");
  EXPECT_EQ(part("-2"), "89");
  EXPECT_EQ(fetch({"-z", file, server.url("/page")}).output, "") << "304";
  EXPECT_EQ(fetch({"-z", "2000-01-01", server.url("/page")}).output, "0123456789");
  EXPECT_EQ(fetch({"-z", "-2000-01-01", server.url("/page")}).status, 1) << "412";
  EXPECT_THAT(refused({"-r", "x"}), HasSubstr("-r: 'x' is not a range"));
  EXPECT_THAT(refused({"-z", "2026-13-45"}), HasSubstr("-z: '2026-13-45' is neither a date"));
}

TEST_F(fetch_request, users_from_a_file) {
  const std::string file = directory_.write("netrc", "machine 127.0.0.1 login ann password secret");
  EXPECT_EQ(header(echoed({"--netrc-file", file}), "Authorization"), "Basic YW5uOnNlY3JldA==");
  EXPECT_EQ(header(echoed({"--netrc-file", file, "-u", "x:y"}), "Authorization"), "Basic eDp5");
  EXPECT_EQ(
      header(echoed({"--netrc-file", directory_.write("other", "machine a.test login b password c")}), "Authorization"),
      "(none)");
  EXPECT_THAT(refused({"--netrc-file", directory_.write("bad", "x")}), HasSubstr("line 1"));
  const std::string nowhere = directory_ / "nowhere";
  EXPECT_THAT(refused({"--netrc-file", nowhere}), HasSubstr("cannot read"));
  EXPECT_EQ(header(echoed({"--netrc-file", nowhere, "--netrc-optional"}), "Authorization"), "(none)");
  ASSERT_EQ(::setenv("NETRC", nowhere.c_str(), 1), 0);
  EXPECT_EQ(header(echoed({"-n"}), "Authorization"), "(none)") << "as curl";
  ::unsetenv("NETRC");
}

TEST_F(fetch_request, other_ways_to_connect) {
  const std::string port = std::to_string(origin_.port());
  const ended other = fetch({"--connect-to", "a.test:80:127.0.0.1:" + port, "http://a.test/echo"});
  EXPECT_EQ(other.status, 0) << other.errors;
  EXPECT_EQ(header(json::parse(other.output).as_object(), "Host"), "a.test");
  EXPECT_EQ(fetch({"--connect-to", "::127.0.0.1:" + port, "http://a.test/echo"}).status, 0);
  EXPECT_EQ(echoed({"-4"}).size(), echoed({"--interface", "127.0.0.2"}).size());
  EXPECT_THAT(fetch({"-6", origin_.url("/echo")}).errors, HasSubstr("127.0.0.1 has no IPv6 address"));
  EXPECT_THAT(refused({"--connect-to", "a"}), HasSubstr("--connect-to: 'a' does not say what"));
  EXPECT_THAT(refused({"--connect-to", "a:0:b:1"}), HasSubstr("port is not a number from 1"));
  EXPECT_THAT(refused({"--resolve", "a:80"}), HasSubstr("--resolve: 'a:80' gives no addresses"));
  EXPECT_THAT(refused({"--interface", "host!x"}), HasSubstr("--interface: 'host!x' is neither"));
  EXPECT_THAT(refused({"--unix-socket", std::string(200, 'x')}), HasSubstr("--unix-socket: "));
}

TEST_F(fetch_request, options_from_a_file) {
  const std::string inner = directory_.write("inner", "-H \"X-Two: 2\"");
  const std::string file =
      directory_.write("config", "# options\nheader = \"X-One: 1\"\n-d a=1\nmax-time = 9\nconfig = " + inner);
  const auto sent = echoed({"-d", "b=2", "-K", file, "-d", "c=3"});
  EXPECT_EQ(text_of(sent, "body"), "b=2&a=1&c=3");
  EXPECT_EQ(header(sent, "X-One"), "1");
  EXPECT_EQ(header(sent, "X-Two"), "2");
  const ended urls =
      fetch({"-q", "-K", directory_.write("urls", "url = " + origin_.url("/a") + "\nurl = " + origin_.url("/b"))});
  EXPECT_EQ(records(urls.output).size(), 2u) << urls.errors;
  EXPECT_THAT(refused({"-K", "/no/such"}), HasSubstr("--config: cannot read /no/such"));
  EXPECT_THAT(refused({"-K", directory_.write("bad", "no-such-option")}), HasSubstr("bad"));
  EXPECT_THAT(refused({"-K", directory_.write("self", "config = " + (directory_ / "self"))}),
              HasSubstr("the ninth file"));
}

TEST_F(fetch_request, a_wrong_option_has_a_near_one) {
  EXPECT_THAT(refused({"--max-tme", "3"}), HasSubstr("'--max-tme'; did you mean --max-time?"));
  EXPECT_THAT(refused({"--data-url", "3"}), HasSubstr("did you mean --data-urlencode?"));
  EXPECT_THAT(refused({"--xyzzy"}), HasSubstr("unknown option '--xyzzy'"));
}

TEST_F(fetch_request, headers_added_emptied_and_left_out) {
  const auto sent = echoed({"-H", "X-One: 1", "-H", "X-Empty;", "-H", "Accept:", "-H", "User-Agent:"});
  EXPECT_EQ(header(sent, "X-One"), "1");
  EXPECT_EQ(header(sent, "X-Empty"), "");
  EXPECT_EQ(header(sent, "Accept"), "(none)");
  EXPECT_EQ(header(sent, "User-Agent"), "(none)");
  EXPECT_THAT(refused({"-H", "Host:"}), AllOf(HasSubstr("-H: 'Host:'"), HasSubstr("give it a value")));
  EXPECT_THAT(refused({"-H", "A; b"}), HasSubstr("-H: 'A; b' is not a header"));
}

// As curl: the method that is given, and the header of its response alone.
TEST_F(fetch_request, head_with_another_method) {
  const ended result = fetch({"--head", "-X", "DELETE", origin_.url("/bytes/1000")});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.output, AllOf(HasSubstr("HTTP/1.1 "), HasSubstr("\n\n")));
  EXPECT_LT(result.output.size(), 500u);
}

// As curl: one body, with & before what -d adds to it.
TEST_F(fetch_request, json_and_other_data_are_one_body) {
  const auto sent = echoed({"--json", "[1", "-d", "x=1", "--json", ",2]"});
  EXPECT_EQ(text_of(sent, "body"), "[1&x=1,2]");
  EXPECT_EQ(header(sent, "Content-Type"), "application/json");
  EXPECT_EQ(header(echoed({"-d", "x=1", "--json", "2"}), "Accept"), "application/json");
}

TEST_F(fetch_request, dots_of_a_path_stay_where_they_are_asked_for) {
  fanout_test::scripted_server server(
      [](fanout_test::peer& client, int) { client.send(fanout_test::ok(client.read_request())); });
  EXPECT_THAT(fetch({server.url("/a/../b/./c")}).output, HasSubstr("GET /b/c HTTP"));
  EXPECT_THAT(fetch({"--path-as-is", server.url("/a/../b/./c")}).output, HasSubstr("GET /a/../b/./c HTTP"));
}

TEST_F(fetch_request, messages_and_traces_go_to_files) {
  const temporary_directory directory;
  const std::string messages = directory / "messages", trace = directory / "trace", url = origin_.url("/bytes/5");
  const ended result = fetch({"-v", "--stderr", messages, "--trace-ascii", trace, url});
  EXPECT_EQ(result.output + result.errors, "ABCDE");
  EXPECT_THAT(read_file(messages), AllOf(HasSubstr("> GET /bytes/5 HTTP/1.1\n"), HasSubstr("\n< HTTP/1.1 200 OK\n")));
  EXPECT_THAT(read_file(trace), AllOf(HasSubstr("\n=> Send header, "), HasSubstr("\n0000: GET /bytes/5 HTTP/1.1\n"),
                                      HasSubstr("\n<= Recv data, 5 bytes (0x5)\n0000: ABCDE\n")));
  fetch({"--trace", trace, url});
  EXPECT_THAT(read_file(trace), AllOf(HasSubstr("\n0000: 41 42 43 44 45 "), Not(HasSubstr("\n0000: ABCDE"))));
  EXPECT_EQ(fetch({"--stderr", "-", "http://127.0.0.1:1/"}).errors, "");
  const std::string file = directory / "file";
  const std::string before = read_file(trace);
  EXPECT_THAT(refused({"--trace", trace, "-s", "processes:1", url, "-o", file}), HasSubstr("--trace: -s processes:1"));
  EXPECT_NE(access(file.c_str(), F_OK), 0);
  EXPECT_EQ(read_file(trace), before) << "a command that is refused empties nothing";
  const ended full = fetch({"--trace", "/dev/full", url});
  EXPECT_EQ(full.status, 3);
  EXPECT_THAT(full.errors, HasSubstr("--trace: cannot write to /dev/full: No space left"));
  EXPECT_EQ(fetch({"--trace", directory / "no/such", url}).status, 3);
  EXPECT_EQ(fetch({"--stderr", directory / "no/such", url}).status, 3);
}

TEST_F(fetch_request, a_body_goes_in_chunks_where_a_header_says_so) {
  const auto sent = echoed({"-H", "transfer-encoding: Chunked", "-d", "a=1"});
  EXPECT_EQ(header(sent, "Transfer-Encoding"), "chunked");
  EXPECT_EQ(header(sent, "Content-Length"), "(none)");
  EXPECT_EQ(text_of(sent, "body"), "a=1");
}

TEST_F(fetch_request, one_body_at_a_time) {
  EXPECT_THAT(refused({"-d", "x", "-F", "a=1"}), HasSubstr("use one of them"));
  EXPECT_THAT(refused({"--head", "-d", "x"}), HasSubstr("HEAD request has no body"));
  EXPECT_THAT(refused({"--data-file", "/no/such"}), HasSubstr("--data-file: cannot read /no/such: No such file"));
}

TEST_F(fetch_request, lists_keep_their_own_bodies_and_types) {
  const std::string line = R"({"url":")" + origin_.url("/echo") + R"(")";
  const ended result =
      fetch({"--with-bodies", "-d", "all=1", "-i", "-"}, line + "}\n" + line + R"(,"body":"own"})" + "\n" + line +
                                                             R"(,"headers":{"Content-Type":"text/own"}})" + "\n");
  EXPECT_EQ(result.status, 0) << result.errors;
  const auto all = records(result.output);
  const auto sent = [&](std::uint64_t index) { return json::parse(text_of(all.at(index), "body")).as_object(); };
  EXPECT_EQ(text_of(sent(0), "body"), "all=1");
  EXPECT_EQ(header(sent(0), "Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(text_of(sent(1), "body"), "own");
  EXPECT_EQ(header(sent(1), "Content-Type"), "(none)") << "the type is that of the common body";
  EXPECT_EQ(header(sent(2), "Content-Type"), "text/own");
}

TEST_F(fetch_request, options_by_the_names_that_curl_has_for_them) {
  const auto sent = echoed({"-L", "-S", "-N", "-g", "--http1.1", "-m", "5", "--max-redirs", "3", "-A", "me/1", "-e",
                            "http://from/", "-b", "a=1", "--data-raw", "@x"});
  EXPECT_EQ(header(sent, "User-Agent"), "me/1");
  EXPECT_EQ(header(sent, "Referer"), "http://from/");
  EXPECT_EQ(header(sent, "Cookie"), "a=1");
  EXPECT_EQ(text_of(sent, "body"), "@x");
  EXPECT_EQ(header(echoed({"-A", ""}), "User-Agent"), "(none)");
  EXPECT_EQ(header(echoed({"-A", "", "-A", "b", "-e", ""}), "User-Agent"), "b");
  EXPECT_THAT(fetch({"-I", origin_.url("/bytes/7")}).output, HasSubstr("content-length: 7"));
}

// As curl reads it; what is no host is none.
TEST_F(fetch_request, urls_without_a_scheme_are_http) {
  const std::string rest = origin_.url("/bytes/7").substr(std::string("http://").size());
  EXPECT_EQ(fetch({rest}).output.size(), 7u);
  EXPECT_EQ(fetch({"localhost" + rest.substr(rest.find(':'))}).output.size(), 7u);
  const ended listed = fetch({"-i", "-"}, "# a comment\n\n" + rest + "\n  # another\n{\"url\":\"" + rest + "\"}\n");
  EXPECT_EQ(records(listed.output).size(), 2u);
  EXPECT_EQ(listed.status, 0) << listed.errors;
  for (const char* none : {"/bytes/7", "//", "?a", "mailto:me", "file:///etc/passwd", "javascript:x"})
    EXPECT_THAT(fetch({"-s", "sync", none}).errors, HasSubstr("invalid_request")) << none;
}

// Everything here is known to worker processes as well.
class fetch_from_nginx : public ::testing::TestWithParam<const char*> {
 protected:
  ended run(std::vector<std::string> options) {
    options.insert(options.end(), {"-s", GetParam()});
    return fetch(std::move(options));
  }
  temporary_directory directory_;
};

INSTANTIATE_TEST_SUITE_P(shapes, fetch_from_nginx, ::testing::Values("async", "threads:2", "processes:1"),
                         [](const auto& of) {
                           return std::string(of.param).substr(0, std::string(of.param).find(':'));
                         });

TEST_P(fetch_from_nginx, basic_authentication) {
  const std::string users = directory_.write("users", "user:{PLAIN}secret\n");
  const nginx server(directory_.path(), "location / { auth_basic x; auth_basic_user_file " + users +
                                            "; try_files /none @in; }\nlocation @in { return 200 in; }\n");
  EXPECT_EQ(run({"-u", "user:secret", server.url("/a")}).output, "in");
  EXPECT_EQ(run({"-u", "user:wrong", server.url("/a")}).status, 1);
  EXPECT_EQ(run({server.url("/a")}).status, 1);
  EXPECT_THAT(run({"-u", "user", server.url("/a")}).errors,
              HasSubstr("-u: 'user' has no password; use 'user:password'"));
}

TEST_P(fetch_from_nginx, cookies_given_and_read) {
  const nginx server(directory_.path(), "location / { return 200 \"$http_cookie\"; }\n");
  EXPECT_EQ(run({"--cookie", "a=1", "--cookie", "b=2", server.url("/")}).output, "a=1; b=2");
  const std::string file = directory_.write("jar", "127.0.0.1\tFALSE\t/\tFALSE\t0\tread\t1\n");
  EXPECT_EQ(run({"--cookie", file, "--cookie", "a=1", server.url("/")}).output, "read=1; a=1");
  EXPECT_THAT(run({"--cookie", directory_.path() + "/none", server.url("/")}).errors,
              HasSubstr("--cookie: cannot read " + directory_.path() + "/none"));
  const ended told = run({"--cookie", directory_.write("mixed", "x\ny\n" + read_file(file)), server.url("/")});
  EXPECT_EQ(told.output, "read=1");
  EXPECT_THAT(told.errors, HasSubstr("mixed: skipped 2 lines that cannot be read; the first: line 1"));
  EXPECT_THAT(run({"--cookie", directory_.write("bad", "x\n"), server.url("/")}).errors,
              AllOf(HasSubstr("--cookie: "), HasSubstr("line 1")));
}

TEST_P(fetch_from_nginx, a_client_certificate) {
  const fanout_test::issuer trusted;
  const auto server_files = trusted.files(directory_, "server");
  const auto mine = trusted.files(directory_, "client");
  const nginx server(directory_.path(), "ssl_certificate " + server_files.certificate + "; ssl_certificate_key " +
                                            server_files.key + "; ssl_client_certificate " + trusted.ca_file() +
                                            "; ssl_verify_client on;\nlocation / { return 200 in; }\n");
  EXPECT_EQ(run({"--cacert", trusted.ca_file(), "--cert", mine.certificate, "--key", mine.key, server.url("/")}).output,
            "in");
  EXPECT_EQ(run({"-k", "--cert", mine.certificate, "--key", mine.key, server.url("/")}).output, "in");
  EXPECT_EQ(run({"--cacert", trusted.ca_file(), server.url("/")}).status, 1);
  EXPECT_THAT(run({"--key", mine.key, server.url("/")}).errors, HasSubstr("--key: there is no certificate"));
  EXPECT_THAT(run({"--cert", "/no/such", server.url("/")}).errors, HasSubstr("--cert: cannot read /no/such"));
}

TEST_P(fetch_from_nginx, of_a_least_tls_version) {
  const fanout_test::issuer trusted;
  const auto files = trusted.files(directory_, "server");
  for (const std::string version : {"TLSv1.2", "TLSv1.3"}) {
    const nginx server(directory_.path(), "ssl_protocols " + version + "; ssl_certificate " + files.certificate +
                                              "; ssl_certificate_key " + files.key +
                                              ";\nlocation / { return 200 in; }\n");
    EXPECT_EQ(run({"-k", server.url("/")}).output, "in") << version;
    EXPECT_EQ(run({"-k", "--tlsv1.3", server.url("/")}).output, version == "TLSv1.3" ? "in" : "") << version;
  }
}

TEST_F(fetch_request, a_cookie_jar_is_kept_from_run_to_run) {
  const nginx server(directory_.path(),
                     "location /set { add_header Set-Cookie \"id=7; Max-Age=3600\"; return 200 \"$http_cookie\"; }\n");
  const std::string jar = directory_.path() + "/jar";
  const std::vector<std::string> both{"--cookie", jar, "--cookie-jar", jar, server.url("/set")};
  EXPECT_EQ(fetch(both).output, "") << "the first run finds no file";
  EXPECT_THAT(read_file(jar), HasSubstr("127.0.0.1\tFALSE\t/\tFALSE\t"));
  EXPECT_EQ(fetch(both).output, "id=7");
  EXPECT_EQ(fetch({"--cookie-jar", "/no/such/jar", server.url("/set")}).status, 3);
  EXPECT_THAT(fetch({"--cookie-jar", "-", server.url("/set")}).output, HasSubstr("\tid\t7\n"));
  const ended workers = fetch({"--cookie-jar", jar, "-s", "processes:2", server.url("/set")});
  EXPECT_EQ(workers.status, 2);
  EXPECT_THAT(workers.errors, AllOf(HasSubstr("--cookie-jar: -s processes:2"), HasSubstr("async:N")));
}

TEST_F(fetch_request, head_prints_the_header) {
  const ended one = fetch({"--head", origin_.url("/bytes/5")});
  EXPECT_EQ(one.status, 0) << one.errors;
  EXPECT_THAT(one.output, AllOf(StartsWith("HTTP/1.1 200 OK\n"), HasSubstr("ontent-"), Not(HasSubstr("ABCDE"))));
  const auto all = records(fetch({"--head", origin_.url("/bytes/5"), origin_.url("/bytes/6")}).output);
  EXPECT_EQ(number_of(all.at(1), "bytes"), 0u);
  EXPECT_FALSE(all.at(1).contains("headers"));
}

TEST_F(fetch_request, redirects_and_codings_can_be_left_alone) {
  EXPECT_THAT(fetch({"--no-redirects", origin_.url("/redirect/3")}).output, HasSubstr("3 redirects to go"));
  EXPECT_THAT(refused({"--no-redirects", "--max-redirects", "2"}), HasSubstr("--max-redirects"));
  EXPECT_NE(header(echoed({"--compressed"}), "Accept-Encoding"), "(none)");
  EXPECT_EQ(header(echoed({"--raw"}), "Accept-Encoding"), "(none)");
  EXPECT_THAT(refused({"--raw", "--compressed"}), HasSubstr("--raw"));
}

TEST_F(fetch_request, where_connections_lead) {
  for (const char* shape : {"async", "processes:1"}) {
    const ended refused_address = fetch({"--public-only", "-s", shape, origin_.url("/bytes/5")});
    EXPECT_EQ(refused_address.status, 1);
    EXPECT_THAT(refused_address.errors, HasSubstr("refused_by_policy")) << shape;
    const std::string port = std::to_string(origin_.port());
    EXPECT_EQ(fetch({"--resolve", "nowhere.test:" + port + ":127.0.0.1", "-s", shape,
                     "http://nowhere.test:" + port + "/bytes/5"})
                  .output,
              "ABCDE");
    // The origin answers a target in absolute form, so it can pass for a proxy.
    EXPECT_EQ(fetch({"--proxy", "http://127.0.0.1:" + port, "-s", shape, "http://nowhere.test/bytes/5"}).output,
              "ABCDE");
    EXPECT_EQ(fetch({"--proxy", "http://127.0.0.1:1", "--noproxy", "127.0.0.0/8", "-s", shape, origin_.url("/bytes/5")})
                  .output,
              "ABCDE");
  }
  EXPECT_THAT(fetch({"--public-only", "http://0x7f.1:" + std::to_string(origin_.port()) + "/"}).errors,
              HasSubstr("refused_by_policy"));
  EXPECT_THAT(refused({"--proxy", "gopher://x"}), HasSubstr("gopher"));
  EXPECT_THAT(refused({"--resolve", "nonsense"}), HasSubstr("nonsense"));
}

TEST_F(fetch_request, no_proxy_at_all) {
  ASSERT_EQ(::setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
  const ended by_environment = fetch({origin_.url("/bytes/5")});
  const ended by_none = fetch({"--proxy", "", origin_.url("/bytes/5")});
  ::unsetenv("http_proxy");
  EXPECT_THAT(by_environment.errors, HasSubstr("the proxy http://127.0.0.1:1"));
  EXPECT_EQ(by_none.output, "ABCDE") << by_none.errors;
}

TEST_F(fetch_request, an_idle_timeout_of_its_own) {
  const ended result = fetch({"--idle-timeout", "50ms", origin_.url("/never")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, HasSubstr("idle timeout"));
  EXPECT_THAT(refused({"--idle-timeout", "0"}), HasSubstr("--idle-timeout: 0"));
}

TEST_F(fetch_request, timings_are_in_the_record) {
  for (const char* shape : {"async", "processes:1"}) {
    const auto all = records(fetch({"--timings", "-s", shape, origin_.url("/delay/20")}).output);
    ASSERT_EQ(all.size(), 1u);
    const json::object& took = all.at(0).at("timings").as_object();
    EXPECT_GE(took.at("first_byte_ms").to_number<double>(), 20.0);
    EXPECT_GE(took.at("total_ms").to_number<double>(), took.at("first_byte_ms").to_number<double>());
    EXPECT_GT(number_of(took, "bytes_sent"), 20u);
    EXPECT_GT(number_of(took, "bytes_received"), 20u);
    EXPECT_FALSE(took.at("connection_reused").as_bool());
    EXPECT_EQ(text_of(took, "remote_address"), "127.0.0.1:" + std::to_string(origin_.port()));
  }
}

}  // namespace
