#include <fanout/compare/compare.hpp>
#include <fanout/compare/workloads.hpp>
#include <fanout/origin/background.hpp>

#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace fanout {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class fetch_workloads : public test::leak_checked {};

TEST_F(fetch_workloads, fetch_one_page_as_often_as_asked_for_and_a_status_that_is_an_error_fails) {
  const origin::background server;
  const auto work = workloads::io(server.url("/status/201"), 3, 10s);
  EXPECT_EQ(work.description, "3 fetches of " + server.url("/status/201"));
  const auto done = work.run(async(2), work.tasks);
  EXPECT_EQ(done.failure, "");
  EXPECT_EQ(done.cost.tasks, 3U);
  EXPECT_EQ(server.statistics().requests, 3U);
  EXPECT_NE(done.checksum, workloads::io(server.url("/status/200"), 3, 10s).run(async(2), 3).checksum);
  const auto refused = workloads::io(server.url("/status/404"), 1, 10s);
  EXPECT_EQ(refused.description, "1 fetch of " + server.url("/status/404"));
  EXPECT_THAT(refused.run(sync(), 1).failure, HasSubstr("404"));
}

TEST_F(fetch_workloads, give_each_fetch_its_time_limit) {
  const origin::background server;
  const auto late = workloads::io(server.url("/delay/60000"), 1, 1ms);
  EXPECT_THAT(late.run(async(1), 1).failure, HasSubstr("timeout"));
}

/// A file that is removed with it.
class list_file {
 public:
  explicit list_file(const std::string& content) {
    std::string name = "/tmp/fanout-urls-XXXXXX";
    const int file = ::mkstemp(name.data());
    if (file < 0 || ::write(file, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
      throw std::runtime_error("no list could be written");
    ::close(file);
    path_ = name;
  }
  list_file(const list_file&) = delete;
  list_file& operator=(const list_file&) = delete;
  ~list_file() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST_F(fetch_workloads, a_list_is_fetched_without_those_that_fail) {
  const origin::background server;
  const list_file list(server.url("/status/200") + "\n" + server.url("/status/404") + "\n" + server.url("/delay/1") +
                       "\nftp://nothing\n");
  const auto work = workloads::urls(list.path(), 100, 10s);
  EXPECT_EQ(work.tasks, 2U);
  EXPECT_THAT(work.description, AllOf(HasSubstr("2 fetches of 1 host"), HasSubstr("2 more failed when tried")));
  const auto found = compare(work, {sync(), async(2), processes(2)});
  for (const auto& row : found.rows) EXPECT_EQ(row.failure, "") << to_string(row.shape);
  const auto first = workloads::urls(list.path(), 1, 10s);
  EXPECT_EQ(first.tasks, 1U);
  EXPECT_THAT(first.description, Not(HasSubstr("failed")));
}

TEST_F(fetch_workloads, a_list_that_is_of_no_use_says_so) {
  const auto refusal = [](const std::string& list) -> std::string {
    try {
      workloads::urls(list, 100, 10s);
    } catch (const std::runtime_error& refused) {
      return refused.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal("/nowhere/list"), HasSubstr("/nowhere/list"));
  const list_file empty("\n\n");
  EXPECT_EQ(refusal(empty.path()), empty.path() + " has no URL");
  const list_file dead("http://127.0.0.1:1/\n");
  EXPECT_THAT(refusal(dead.path()), HasSubstr("could be fetched"));
}

}  // namespace
}  // namespace fanout
