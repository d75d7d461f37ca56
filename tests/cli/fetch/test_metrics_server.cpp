#include "cli/fetch/metrics_server.hpp"
#include "cli/fetch_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>

namespace {

using fanout::cli::metrics_listener;
using fanout::cli::metrics_server;
using fanout::cli::testing::fetch;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(metrics_server, answers_with_the_text_of_now) {
  std::atomic<int> asked = 0;
  const metrics_server server(metrics_listener("127.0.0.1:0"),
                              [&asked] { return "asked " + std::to_string(++asked) + "\n"; });
  EXPECT_THAT(server.url(), StartsWith("http://127.0.0.1:"));
  EXPECT_EQ(fetch({server.url()}).output, "asked 1\n");
  EXPECT_EQ(fetch({server.url()}).output, "asked 2\n");
  const auto other = fetch({"--fail", server.url() + "/other"});
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.errors, HasSubstr("404"));
  EXPECT_EQ(asked, 2);
}

TEST(metrics_server, one_that_says_nothing_does_not_keep_others_out) {
  const metrics_server server(metrics_listener("[::1]:0"), [] { return std::string("here\n"); });
  const auto port = static_cast<std::uint16_t>(std::stoul(server.url().substr(server.url().rfind(':') + 1)));
  const int silent = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = in6addr_loopback;
  ASSERT_EQ(::connect(silent, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(fetch({server.url()}).output, "here\n");
  ::close(silent);
}

TEST(metrics_server, what_is_no_address_is_refused) {
  for (const char* wrong : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "no such host:0"})
    EXPECT_THROW(metrics_listener{wrong}, std::invalid_argument) << wrong;
  const metrics_listener first("127.0.0.1:0");
  const std::string taken = first.url().substr(7, first.url().rfind('/') - 7);
  EXPECT_THROW(metrics_listener{taken}, std::runtime_error);
  EXPECT_THAT(metrics_listener("0").url(), StartsWith("http://127.0.0.1:"));
}

// A run of hours is not to be redone because of it, and an output that is there stays.
TEST(metrics_server, is_refused_before_any_file_is_made) {
  const metrics_listener first("127.0.0.1:0");
  const std::string taken = first.url().substr(7, first.url().rfind('/') - 7);
  const fanout_test::temporary_directory directory;
  const std::string list = directory.write("list", "http://127.0.0.1:1/\n");
  for (const std::string& wrong : {taken, std::string("nonsense")}) {
    for (const char* output : {"pages.jsonl", "pages.sqlite", "pages/"}) {
      const auto run = fetch({"-i", list, "-o", directory / output, "--metrics", wrong});
      EXPECT_EQ(run.status, 2);
      EXPECT_THAT(run.errors, HasSubstr(wrong == taken ? "cannot listen at" : "--metrics: 'nonsense'"));
    }
  }
  const std::filesystem::directory_iterator files(directory.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);  // the list
}

}  // namespace
