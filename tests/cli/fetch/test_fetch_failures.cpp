// What goes wrong with one URL is in its record, and the run goes on.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

using namespace fanout::cli::testing;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A port that is taken, so that nobody else can listen on it, and refuses connections.
class refusing_port {
 public:
  refusing_port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, any, size) != 0 || ::getsockname(socket_, any, &size) != 0) throw std::runtime_error("no port");
    port_ = ntohs(address.sin_port);
  }
  refusing_port(const refusing_port&) = delete;
  refusing_port& operator=(const refusing_port&) = delete;
  ~refusing_port() { ::close(socket_); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

class fetch_failures : public ::testing::TestWithParam<const char*> {
 protected:
  /// The one that fails, between two that do not.
  json::object failed(const std::string& url, std::vector<std::string> options = {}) {
    const std::string good = origin_.url("/bytes/5");
    options.insert(options.end(), {"-s", GetParam(), good, url, good});
    const ended result = fetch(options);
    EXPECT_EQ(result.status, 1);
    auto all = records(result.output);
    EXPECT_EQ(all.size(), 3u);
    for (const int index : {0, 2}) EXPECT_EQ(kind_of(all[index]), "") << message_of(all[index]);
    EXPECT_THAT(result.errors, HasSubstr("2 fetched, 1 failed (1 " + kind_of(all[1]) + ")"));
    EXPECT_EQ(text_of(all[1], "url"), url);
    return all[1];
  }

  /// The same, of which no response came.
  std::string lost(const std::string& kind, const std::string& path, std::vector<std::string> options = {}) {
    const json::object record = failed(path.starts_with('/') ? origin_.url(path) : path, std::move(options));
    EXPECT_EQ(kind_of(record), kind) << path;
    EXPECT_TRUE(record.at("status").is_null()) << path;
    EXPECT_TRUE(record.at("final_url").is_null()) << path;
    EXPECT_GE(number_of(record, "attempts"), 1u) << path;
    return message_of(record);
  }

  const std::string here_ = "127.0.0.1:";
  fanout::origin::background origin_;
};

TEST_P(fetch_failures, no_connection) {
  const refusing_port nobody;
  EXPECT_THAT(lost("connect", nobody.url()), AllOf(HasSubstr("127.0.0.1"), HasSubstr("Connection refused")));
}

TEST_P(fetch_failures, no_such_host) {  // RFC 6761 section 6.4: no name under .invalid has an address
  EXPECT_THAT(lost("dns", "http://nobody.invalid/", {"--timeout", "20s"}), HasSubstr("nobody.invalid"));
}

TEST_P(fetch_failures, statuses) {
  for (const int status : {400, 404, 500, 599}) {
    const json::object record = failed(origin_.url("/status/" + std::to_string(status)));
    EXPECT_EQ(kind_of(record), "status");
    EXPECT_EQ(number_of(record, "status"), static_cast<std::uint64_t>(status));
    EXPECT_EQ(number_of(record, "bytes"), 11u);
    EXPECT_THAT(message_of(record), HasSubstr(std::to_string(status)));
  }
}

TEST_P(fetch_failures, broken_responses) {
  EXPECT_THAT(lost("protocol", "/reset"), AllOf(HasSubstr(here_), HasSubstr("reset by peer")));
  EXPECT_THAT(lost("protocol", "/reset?after=500"), HasSubstr("reset by peer"));
  EXPECT_THAT(lost("protocol", "/truncate"), HasSubstr("closed the connection after 100 of 200 bytes"));
  EXPECT_THAT(lost("protocol", "/garbage"), HasSubstr("malformed HTTP response"));
}

TEST_P(fetch_failures, too_slow) {
  EXPECT_THAT(lost("timeout", "/never", {"--timeout", "1s"}), AllOf(HasSubstr("1000ms"), HasSubstr("timeout")));
  EXPECT_THAT(lost("timeout", "/drip?bytes=1000&ms=50", {"--timeout", "1s"}), HasSubstr("1000ms"));
}

TEST_P(fetch_failures, too_large) {
  EXPECT_THAT(lost("too_large", "/bytes/1025", {"--max-bytes", "1KiB"}), HasSubstr("1024"));
  EXPECT_THAT(lost("too_large", "/chunked/1025", {"--max-bytes", "1KiB"}), HasSubstr("1024"));
}

TEST_P(fetch_failures, limits_of_the_header) {
  const std::string page = origin_.url("/bytes/5");
  EXPECT_THAT(fetch({"-s", GetParam(), "--max-header-bytes", "20", page}).errors, HasSubstr("the limit of 20 bytes"));
  EXPECT_THAT(fetch({"-s", GetParam(), "--max-header-count", "1", page}).errors, HasSubstr("or 1 fields"));
  EXPECT_EQ(fetch({"-s", GetParam(), "--max-header-bytes", "2MiB", "--max-header-count", "5000", "--max-decoding-ratio",
                   "0", page})
                .status,
            0);
}

TEST_P(fetch_failures, redirects) {
  EXPECT_THAT(lost("refused_by_policy", "/redirect/11"), HasSubstr("more than 10 redirects"));
  EXPECT_THAT(lost("refused_by_policy", "/redirect/3", {"--max-redirects", "2"}), HasSubstr("more than 2 redirects"));
  EXPECT_THAT(lost("refused_by_policy", "/redirect-to?url=file:///etc/passwd"), Not(IsEmpty()));
}

TEST_P(fetch_failures, no_url) {
  EXPECT_THAT(lost("invalid_request", "no url"), HasSubstr("'no url'"));
}

INSTANTIATE_TEST_SUITE_P(shapes, fetch_failures, ::testing::Values("sync", "threads:2", "async:3", "processes:2"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

TEST(fetch_redirects, zero_of_them_makes_the_redirect_the_response) {
  const fanout::origin::background origin;
  const ended result = fetch({"--max-redirects", "0", "--with-headers", origin.url("/redirect/3")});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(number_of(records(result.output).at(0), "status"), 302u);
}

TEST(fetch_connections, are_used_again) {
  const fanout::origin::background origin;
  std::string list;
  for (int i = 0; i < 100; ++i) list += origin.url("/bytes/10") + "\n";
  EXPECT_EQ(fetch({"-s", "sync"}, list).status, 0);
  EXPECT_EQ(origin.statistics().connections_accepted, 1u);
  EXPECT_EQ(fetch({"-s", "async:4"}, list).status, 0);
  EXPECT_LE(origin.statistics().connections_accepted, 5u);
  EXPECT_EQ(origin.statistics().requests, 200u);
}

class fetch_tls : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string line = origin_.read_line();
    ASSERT_THAT(line, HasSubstr("listening on https://127.0.0.1:"));
    port_ = line.substr(line.rfind(':') + 1);
  }
  std::string url(const std::string& host = "127.0.0.1") const { return "https://" + host + ":" + port_ + "/bytes/5"; }

  temporary_directory directory_;
  const std::string certificate_ = directory_ / "certificate.pem";
  child origin_{tool, {"serve", "--port", "0", "--tls", "--until-eof", "--write-cert", certificate_}};
  std::string port_;
};

TEST_F(fetch_tls, a_certificate_that_is_trusted) {
  for (const char* shape : {"sync", "threads:2", "async:2", "processes:2"}) {
    const ended result = fetch({"--cacert", certificate_, url(), url("localhost"), "-s", shape});
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_EQ(records(result.output).size(), 2u);
  }
}

TEST_F(fetch_tls, a_certificate_that_is_not) {
  const ended result = fetch({url(), url("localhost")});
  EXPECT_EQ(result.status, 1);
  for (const auto& [index, record] : records(result.output)) {
    EXPECT_EQ(kind_of(record), "tls");
    EXPECT_THAT(message_of(record), AllOf(HasSubstr("certificate"), HasSubstr("self-signed")));
  }
}

TEST_F(fetch_tls, a_certificate_for_somebody_else) {
  const std::string trusted = directory_ / "other.pem";
  child other(tool, {"serve", "--address", "127.0.0.2", "--port", "0", "--tls", "--write-cert", trusted});
  const std::string line = other.read_line();
  ASSERT_THAT(line, HasSubstr("listening on https://127.0.0.2:"));
  const std::string page = line.substr(line.find("https")) + "/bytes/5";
  const ended result = fetch({"--cacert", trusted, page, page});
  EXPECT_EQ(result.status, 1);
  const auto all = records(result.output);
  EXPECT_EQ(kind_of(all.at(0)), "tls");
  EXPECT_THAT(message_of(all.at(0)), AllOf(HasSubstr("127.0.0.2"), HasSubstr("certificate")));
}

TEST_F(fetch_tls, insecure_on_request) {
  const ended result = fetch({"-k", url()});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(result.output, "ABCDE");
}

TEST_F(fetch_tls, issuers_that_cannot_be_used) {
  const ended missing = fetch({"--cacert", "/no/such/file", url()});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.errors, AllOf(HasSubstr("--cacert"), HasSubstr("/no/such/file"), HasSubstr("No such file")));
  const ended useless = fetch({"--cacert", directory_.write("empty.pem", "no certificate"), url(), url()});
  EXPECT_EQ(useless.status, 2);
  EXPECT_EQ(useless.output, "");
  EXPECT_THAT(useless.errors, HasSubstr("empty.pem"));
}

// A list's retries wait outside the run's places, and what is left in the end is given up in time.
TEST_P(fetch_failures, a_list_with_retries_gives_every_url_its_record) {
  const fanout::origin::background origin;
  const refusing_port dead;
  const temporary_directory here;
  const std::string list = dead.url() + "\n" + origin.url("/status/503") + "\n" + origin.url("/bytes/3") + "\n";
  here.write("list", list);
  const ended done = fetch({"-i", here / "list", "--retry", "2", "--retry-delay", "1h", "--give-up-after", "50ms",
                            "--timings", "-s", GetParam()});
  EXPECT_EQ(done.status, 1);
  const auto all = records(done.output);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(kind_of(all.at(0)), "connect");
  EXPECT_EQ(kind_of(all.at(1)), "status");
  EXPECT_EQ(kind_of(all.at(2)), "");
  for (const int each : {0, 1}) EXPECT_THAT(message_of(all.at(each)), HasSubstr("given up after 0.05 s"));
  EXPECT_THAT(done.errors, AllOf(HasSubstr("2 URLs of 2 hosts left, all waiting for a retry"), HasSubstr("2 retries")));
  EXPECT_EQ(fetch({"--retry-budget", "x", "-i", here / "list"}).status, 2);
  const ended again = fetch({"-q", "-i", here / "list", "--retry", "2", "--retry-delay", "1ms", "-s", GetParam()});
  EXPECT_EQ(number_of(records(again.output).at(1), "attempts"), 3U);
}

TEST_P(fetch_failures, robots_txt_and_limits_of_addresses_by_option) {
  const fanout::origin::background origin;  // which has no robots.txt: all is allowed
  const temporary_directory here;
  here.write("list", origin.url("/bytes/1") + "\n" + origin.url("/bytes/2") + "\n");
  const std::vector<std::string> options{"-q", "-i", here / "list", "--robots", "--per-ip", "1", "-s", GetParam()};
  const ended done = fetch(options);
  EXPECT_EQ(done.status, 0) << done.errors << done.output;
  EXPECT_EQ(records(done.output).size(), 2U);
  EXPECT_LE(origin.statistics().peak_waiting, 1U);
  EXPECT_EQ(fetch({"--per-ip", "0", "-i", here / "list"}).status, 2);
}

}  // namespace
