#include <fanout/http/cookies.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

namespace {

using namespace fanout_test;
using fanout::http::cookie;
using fanout::http::cookie_jar;
using fanout::http::url;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using testing::HasSubstr;

class cookie_file : public testing::Test {
 protected:
  std::string failure(const std::string& path) {
    try {
      jar_.load(path);
    } catch (const std::runtime_error& thrown) {
      return thrown.what();
    }
    ADD_FAILURE() << "did not throw";
    return {};
  }
  sys_seconds now_{seconds(1'700'000'000)};
  cookie_jar jar_{{}, [this] { return now_; }};
  temporary_directory directory_;
};

TEST_F(cookie_file, holds_all_that_a_cookie_is) {
  jar_.store(url("https://www.example.org/a/b"), "one=1; Domain=example.org; Path=/a; Secure; HttpOnly; Max-Age=60");
  jar_.store(url("http://h.example/x/y"), "session=two words");
  const std::string path = directory_ / "jar";
  jar_.save(path);
  EXPECT_THAT(read_file(path), HasSubstr("#HttpOnly_.example.org\tTRUE\t/a\tTRUE\t1700000060\tone\t1\n"
                                         "h.example\tFALSE\t/x\tFALSE\t0\tsession\ttwo words\n"));
  cookie_jar again({}, [this] { return now_; });
  EXPECT_EQ(again.load(path), 2u);
  again.save(directory_ / "again");
  EXPECT_EQ(read_file(directory_ / "again"), read_file(path));
  now_ += seconds(60);
  cookie_jar later({}, [this] { return now_; });
  EXPECT_EQ(later.load(path), 1u) << "one has expired";
  EXPECT_EQ(later.cookies()[0].expires, std::nullopt);
}

TEST_F(cookie_file, as_curl_writes_it_is_read) {
  const std::string path = directory_.write("curl",
                                            "# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n\n"
                                            "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1\r\n"
                                            ".example.org\tTRUE\t/\tTRUE\t4102444800\tb\t\n");
  EXPECT_EQ(jar_.load(path), 2u);
  EXPECT_EQ(jar_.header_for(url("http://127.0.0.1/")), "a=1");
  EXPECT_EQ(jar_.header_for(url("https://x.example.org/")), "b=");
}

TEST_F(cookie_file, with_what_no_server_may_set_is_read_without_it) {
  const std::string path = directory_.write("jar",
                                            "co.uk\tTRUE\t/\tFALSE\t0\ta\t1\n"
                                            "h.example\tFALSE\t/\tFALSE\t0\t__Host-a\t1\n"
                                            "h.example\tFALSE\tx\tFALSE\t0\ta\t1\n"
                                            "h.example\tFALSE\t/\tFALSE\t0\ta\t1;b\n"
                                            "127.0.0.1\tTRUE\t/\tFALSE\t0\ta\t1\n"
                                            "h.example\tFALSE\t/\tFALSE\t1\ta\t1\n"
                                            "h.example\tFALSE\t/\tFALSE\t-9223372036854775808\tb\t1\n"
                                            "h.example\tFALSE\t/\tFALSE\t9223372036854775807\tgood\t1\n");
  EXPECT_EQ(jar_.load(path), 1u);
  EXPECT_EQ(jar_.header_for(url("http://h.example/")), "good=1");
}

// As extensions of browsers, Python and people write them.
TEST_F(cookie_file, in_its_dialects_is_read) {
  const std::string path = directory_.write("dialects",
                                            "\xef\xbb\xbfh.example\tFALSE\t/\tFALSE\t1700000060.987654\tfraction\t1\n"
                                            "h.example\tFALSE\t/\tFALSE\t0\tempty\n"
                                            "h.example\tFALSE\t/\tFALSE\t\tsession\t2\n"
                                            " \t\n"
                                            "Set-Cookie: header=3; Domain=.h.example; Path=/; Max-Age=60\n"
                                            "set-cookie:lower=4;\tdomain=h.example; HttpOnly\r\n");
  fanout::http::skipped_lines skipped;
  EXPECT_EQ(jar_.load(path, &skipped), 5u);
  EXPECT_EQ(skipped.count, 0u);
  EXPECT_EQ(jar_.header_for(url("http://h.example/")), "fraction=1; empty=; session=2; header=3; lower=4");
  EXPECT_EQ(jar_.header_for(url("http://below.h.example/")), "header=3; lower=4");
  now_ += seconds(60);
  EXPECT_EQ(jar_.header_for(url("http://h.example/")), "empty=; session=2; lower=4");
}

TEST_F(cookie_file, lines_that_are_no_cookies_are_counted_and_the_rest_is_read) {
  const std::string path = directory_.write("mixed",
                                            "# comment\n<html>\x1b[31m\nh.example\tFALSE\t/\tFALSE\t0\ta\t1\n"
                                            "h.example\tFALSE\t/\tFALSE\t12.x\tb\t1\n"
                                            "Set-Cookie: whose=1\nSet-Cookie: d=1; Domain=co.uk\n"
                                            "h.example\tFALSE\t/\tFALSE\t0\tc\t1\n");
  fanout::http::skipped_lines skipped;
  EXPECT_EQ(jar_.load(path, &skipped), 2u) << "nobody may set one for co.uk";
  EXPECT_EQ(skipped.count, 3u);
  EXPECT_THAT(skipped.first, testing::StartsWith("line 2 is not in the Netscape format"));
  EXPECT_EQ(skipped.first.find('\x1b'), std::string::npos);
  EXPECT_EQ(jar_.header_for(url("http://h.example/")), "a=1; c=1");
}

TEST_F(cookie_file, of_another_format_is_refused_with_its_line) {
  for (const char* line : {"a=b", "h\tFALSE\t/\tFALSE\t0", "h\tFALSE\t/\tFALSE\t0\ta\t1\t2",
                           "h\tyes\t/\tFALSE\t0\ta\t1", "h\tFALSE\t/\tFALSE\tsoon\ta\t1", "<html>\x1b[31m"}) {
    const std::string path = directory_.write("bad", std::string("# comment\n") + line + "\n");
    EXPECT_THAT(failure(path), testing::AllOf(HasSubstr(path + ": line 2"), HasSubstr("seven fields")));
    EXPECT_EQ(failure(path).find('\x1b'), std::string::npos);
  }
  EXPECT_THAT(failure(directory_ / "none"), HasSubstr("none: No such file"));
  EXPECT_THAT(failure(directory_.path()), HasSubstr("irectory"));
}

TEST_F(cookie_file, is_replaced_in_one_step_and_for_its_owner_alone) {
  const std::string path = directory_.write("jar", "old");
  jar_.store(url("http://h.example/"), "a=1");
  jar_.save(path);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}), 1)
      << "nothing is left beside it";
  EXPECT_THROW(jar_.save(directory_ / "no/such/directory"), std::runtime_error);
  EXPECT_THROW(jar_.save(directory_.path()), std::runtime_error);
}

TEST_F(cookie_file, that_is_a_pipe_is_written_to_and_stays_one) {
  const std::string path = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  jar_.store(url("http://h.example/"), "a=1");
  jar_.save(path);
  char text[1000] = {};
  EXPECT_GT(::read(reader, text, sizeof text - 1), 0);
  ::close(reader);
  EXPECT_THAT(text, HasSubstr("h.example\tFALSE\t/\tFALSE\t0\ta\t1\n"));
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
  jar_.save("/dev/null");
  ASSERT_EQ(::stat("/dev/null", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
}

TEST_F(cookie_file, jars_are_shared_between_threads) {
  cookie_jar jar;
  const auto work = [&](int number) {
    const url page("http://h" + std::to_string(number % 2) + ".example/");
    for (int i = 0; i < 300; ++i) {
      jar.store(page, "c" + std::to_string(i % 20) + "=" + std::to_string(number));
      EXPECT_FALSE(jar.header_for(page).empty());
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& each : threads) each.join();
  EXPECT_EQ(jar.size(), 40u);
}

}  // namespace
