#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/http/response.hpp>

#include "fetch/bodies/body_file.hpp"
#include "support/run_to_end.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace {

using fanout::fetch::detail::body_file;
using fanout_test::read_file;
using fanout_test::temporary_directory;

fanout::task<int> written(body_file& to, std::string bytes) {
  auto writing = to.write(bytes);
  co_await std::move(writing);
  co_return 0;
}

class body_files_of_one : public ::testing::Test {
 protected:
  void write(body_file& to, const std::string& bytes) { fanout::test::run_to_end(written(to, bytes)); }
  static bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

  temporary_directory directory_;
  const std::string path_ = directory_ / "file";
  const std::string part_ = path_ + ".part";
  fanout::http::response head_;
};

TEST_F(body_files_of_one, are_there_when_finished) {
  body_file to(path_);
  EXPECT_EQ(to.where(), "");
  to.begin(head_);
  write(to, "one");
  write(to, "two");
  EXPECT_EQ(to.where(), part_);
  EXPECT_EQ(to.size(), 6u);
  to.finish();
  EXPECT_EQ(to.where(), path_);
  EXPECT_EQ(read_file(path_), "onetwo");
}

TEST_F(body_files_of_one, a_pipe_takes_a_mebibyte_before_anybody_waits) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const fanout::detail::owned_descriptor reader(open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  body_file to(path_);
  to.begin(head_);
  write(to, std::string(500'000, 'x'));  // nobody reads: it has to go into the pipe at once
  EXPECT_EQ(fcntl(reader.value(), F_GETPIPE_SZ), 1024 * 1024);
}

TEST_F(body_files_of_one, a_larger_pipe_stays_as_large) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const fanout::detail::owned_descriptor reader(open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  constexpr int larger = 2 * 1024 * 1024;
  if (fcntl(reader.value(), F_SETPIPE_SZ, larger) < 0) GTEST_SKIP() << "no pipe may be larger than 1 MiB here";
  body_file to(path_);
  to.begin(head_);
  EXPECT_EQ(fcntl(reader.value(), F_GETPIPE_SZ), larger);
}

TEST_F(body_files_of_one, a_reader_that_has_gone_is_an_error_and_no_signal) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  fanout::detail::owned_descriptor reader(open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  body_file to(path_);
  to.begin(head_);
  reader.reset();
  EXPECT_THROW(write(to, "x"), fanout::fetch::output_error);
}

TEST_F(body_files_of_one, are_parts_when_cut) {
  body_file none(path_);
  none.cut();
  none.begin(head_);
  none.cut();
  EXPECT_EQ(none.where(), "");
  EXPECT_FALSE(exists(part_));
  body_file to(path_);
  to.begin(head_);
  write(to, "one");
  to.cut();
  EXPECT_EQ(to.where(), part_);
  EXPECT_EQ(to.size(), 3u);
  body_file rest(path_);
  rest.go_on();
  rest.begin(head_);
  EXPECT_EQ(rest.size(), 3u);
  write(rest, "two");
  rest.finish();
  EXPECT_EQ(read_file(path_), "onetwo");
}

TEST_F(body_files_of_one, that_are_small_may_be_held) {
  body_file small(path_);
  small.hold(5);
  small.begin(head_);
  write(small, "one");
  write(small, "tw");
  small.finish();
  EXPECT_EQ(small.take_held(), "onetw");
  EXPECT_FALSE(exists(part_) || exists(path_));
  body_file large(path_);
  large.hold(5);
  large.begin(head_);
  write(large, "one");
  write(large, "two");
  large.finish();
  EXPECT_FALSE(large.take_held());
  EXPECT_EQ(read_file(path_), "onetwo");
  body_file cut(path_);
  cut.hold(5);
  cut.begin(head_);
  write(cut, "one");
  cut.cut();
  EXPECT_EQ(read_file(part_), "one");
  EXPECT_EQ(cut.size(), 3u);
}

TEST_F(body_files_of_one, tell_what_their_part_is_of) {
  head_.status = 200;
  head_.headers.add("ETag", "\"1\"");
  body_file to(path_);
  to.remember_as("http://example.org/");
  to.begin(head_);
  write(to, "one");
  EXPECT_TRUE(exists(part_ + ".json"));
  to.finish();
  EXPECT_FALSE(exists(part_ + ".json"));
  directory_.write("file.part", "all");
  body_file whole(path_);
  whole.finish_as_it_is();
  EXPECT_EQ(read_file(path_), "all");
}

}  // namespace
