// How `fanout fetch` shows a run: on a terminal, in a log, to Prometheus.

#include <fanout/origin/background.hpp>

#include "cli/fetch/run_monitor.hpp"
#include "cli/fetch_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>

namespace {

using namespace fanout::cli::testing;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// A terminal that a test looks at.
class terminal {
 public:
  explicit terminal(unsigned short columns) : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) throw std::runtime_error("no terminal");
    name_ = ::ptsname(master_);
    slave_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);  // so that it stays open
    resize(columns);
  }
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;
  ~terminal() {
    ::close(slave_);
    ::close(master_);
  }

  const std::string& name() const noexcept { return name_; }
  void resize(unsigned short columns) {
    winsize size{24, columns, 0, 0};
    ::ioctl(master_, TIOCSWINSZ, &size);
  }
  /// Reads until `found` says that what was written since the last call has it; false after a minute of silence.
  bool read_until(const std::function<bool(const std::string&)>& found) {
    std::string text;
    while (!found(text)) {
      pollfd ready{master_, POLLIN, 0};
      if (::poll(&ready, 1, 60'000) != 1) return false;
      std::array<char, 4096> piece;
      const auto got = ::read(master_, piece.data(), piece.size());
      if (got <= 0) return false;
      text.append(piece.data(), static_cast<std::size_t>(got));
      all_.append(piece.data(), static_cast<std::size_t>(got));
    }
    return true;
  }
  const std::string& all() const noexcept { return all_; }

 private:
  int master_;
  int slave_ = -1;
  std::string name_;
  std::string all_;
};

/// What was drawn, one after the other.
std::vector<std::string> drawings(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t at = text.find('\r'); at != text.npos;) {
    const auto next = text.find('\r', at + 1);
    std::string each = text.substr(at + 1, next == text.npos ? next : next - at - 1);
    if (const auto end = each.find("\x1b[K"); end != each.npos) all.push_back(each.substr(0, end));
    at = next;
  }
  return all;
}

class run_monitor : public ::testing::Test {
 protected:
  /// Four pages, and one that never comes.
  run_monitor() {
    std::string text;
    for (int i = 0; i < 4; ++i) text += origin_.url("/bytes/10") + "\n";
    list_ = directory_.write("list", text + origin_.url("/never") + "\n");
  }
  std::vector<std::string> arguments(std::vector<std::string> more) {
    std::vector<std::string> all{"fetch", "-i", list_, "-s", "async:8"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  fanout::origin::background origin_;
  fanout_test::temporary_directory directory_;
  std::string list_;
};

TEST_F(run_monitor, a_terminal_has_a_bar_of_its_size_that_goes_away) {
  terminal screen(120);
  child run(tool, arguments({"-o", directory_ / "pages.jsonl"}), {.errors = screen.name()});
  const auto begun = steady_clock::now();
  ASSERT_TRUE(screen.read_until([](const std::string& text) {
    return text.find("4/5 80%") != text.npos && text.find("1 in flight") != text.npos;
  })) << screen.all();
  screen.resize(24);
  ASSERT_TRUE(screen.read_until([](const std::string& text) {
    const auto all = drawings(text);
    return std::any_of(all.begin(), all.end(), [](const auto& each) { return !each.empty() && each.size() < 24; });
  })) << screen.all();
  const auto all = drawings(screen.all());
  const double seconds = std::chrono::duration<double>(steady_clock::now() - begun).count();
  EXPECT_LE(static_cast<double>(all.size()), 10 * seconds + 2);
  run.signal(SIGINT);
  ASSERT_TRUE(screen.read_until([](const std::string& text) { return text.find("again to stop") != text.npos; }));
  run.signal(SIGINT);
  ASSERT_TRUE(
      screen.read_until([](const std::string& text) { return text.find("run the same command") != text.npos; }));
  EXPECT_THAT(screen.all(), HasSubstr("\r\x1b[K4 fetched"));
  run.wait();
}

TEST_F(run_monitor, elsewhere_there_are_plain_lines) {
  child run(tool, arguments({"--progress", "plain:100ms", "-o", directory_ / "pages.jsonl"}));
  std::string line;
  do line = run.read_error_line();
  while (!line.empty() && line.find("4/5 80%") == line.npos);
  EXPECT_THAT(line, AllOf(HasSubstr("fanout fetch: "), HasSubstr("1 in flight"), Not(HasSubstr("\r"))));
}

TEST_F(run_monitor, none_is_none_and_others_are_unknown) {
  const std::string list = directory_.write("short", origin_.url("/bytes/1") + "\n" + origin_.url("/bytes/2") + "\n");
  terminal screen(120);
  child run(tool, {"fetch", "-i", list, "--progress", "none", "-o", directory_ / "pages.jsonl"},
            {.errors = screen.name()});
  ASSERT_TRUE(screen.read_until([](const std::string& text) { return text.find("latency") != text.npos; }));
  EXPECT_EQ(run.wait(), 0);
  EXPECT_THAT(screen.all(), Not(HasSubstr("\x1b[K")));
  for (const char* wrong : {"", "some", "plain:", "plain:1ms", "bar:1s"})
    EXPECT_EQ(fetch({"-i", list, "--progress", wrong}).status, 2) << wrong;
}

TEST_F(run_monitor, prometheus_is_answered_while_it_runs) {
  child run(tool, arguments({"--progress", "none", "--metrics", "127.0.0.1:0", "-o", directory_ / "pages.jsonl"}));
  const std::string line = run.read_error_line();
  ASSERT_THAT(line, HasSubstr("metrics at http://127.0.0.1:"));
  const std::string url = line.substr(line.find("http://"));
  std::string text;
  do text = fetch({url}).output;
  while (!text.empty() && text.find("fanout_requests_total{result=\"ok\"} 4\n") == text.npos);
  EXPECT_THAT(text, AllOf(HasSubstr("fanout_requests_in_flight 1\n"), HasSubstr("fanout_body_bytes_total 40\n"),
                          HasSubstr("fanout_responses_total{status=\"200\"} 4\n")));
  EXPECT_EQ(fetch({"-i", list_, "--metrics", "nowhere"}).status, 2);
}

TEST_F(run_monitor, its_summary_has_statuses_latencies_and_hosts) {
  const std::string list = directory_.write("mixed", origin_.url("/bytes/10") + "\n" + origin_.url("/bytes/20") + "\n" +
                                                         origin_.url("/status/404") + "\nhttp://127.0.0.1:1/\n");
  const auto run =
      fetch({"-i", list, "-s", "sync", "--summary", directory_ / "summary", "-o", directory_ / "pages.jsonl"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("latency: 50% "), HasSubstr("2 of 3 responses over open connections"),
                                HasSubstr("most failures: 127.0.0.1 (2)")));
  const auto summary = json::parse(fanout_test::read_file(directory_ / "summary")).as_object();
  EXPECT_EQ(json::serialize(summary.at("statuses")), R"({"200":2,"404":1})");
  EXPECT_EQ(summary.at("connections_reused").as_int64(), 2);
  EXPECT_GT(summary.at("latency_ms").at("p50").to_number<double>(), 0);
  EXPECT_EQ(summary.at("worst_hosts").at(0).at("failed").as_int64(), 2);
  EXPECT_EQ(summary.at("slowest_hosts").at(0).at("host").as_string(), "127.0.0.1");
}

}  // namespace
