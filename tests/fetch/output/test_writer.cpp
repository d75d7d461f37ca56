#include <fanout/fetch/writer.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace fanout::fetch;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

void append_text(writer& to, output& into, const std::string& text) {
  to.append(into, [&](std::string& all) { all += text; });
}

TEST(writer, writes_everything_in_order_on_a_thread_of_its_own) {
  const temporary_directory directory;
  output first = output::create(directory / "first");
  output second = output::create(directory / "second");
  std::string expected;
  std::string order;
  std::thread::id ran_on;
  {
    writer to;
    for (int i = 0; i < 30'000; ++i) {
      append_text(to, first, std::to_string(i) + "\n");
      expected += std::to_string(i) + "\n";
    }
    to.write(first, "page");
    to.add(1, [&] {
      order += "work";
      ran_on = std::this_thread::get_id();
    });
    append_text(to, second, "two");
    to.add(1, [&] { order += " more"; });
    to.finish();
  }
  first.close();
  second.close();
  EXPECT_TRUE(read_file(directory / "first") == expected + "page");
  EXPECT_EQ(read_file(directory / "second"), "two");
  EXPECT_EQ(order, "work more");
  EXPECT_NE(ran_on, std::this_thread::get_id());
  EXPECT_NE(ran_on, std::thread::id());
}

TEST(writer, a_few_lines_for_a_file_need_no_thread) {
  const temporary_directory directory;
  output file = output::create(directory / "file");
  writer to;
  append_text(to, file, "one\n");
  to.finish();
  file.close();
  EXPECT_EQ(read_file(directory / "file"), "one\n");
}

// Who asks for slow work does not wait for it; who looks at has_room does.
TEST(writer, is_full_until_half_of_it_is_done) {
  std::promise<void> first_may_end;
  std::promise<void> room;
  std::atomic<int> told{0};
  writer to({.pieces = 4, .bytes = 1000}, {.room_made = [&] {
              ++told;
              room.set_value();
            }});
  to.add(1, [ready = std::make_shared<std::future<void>>(first_may_end.get_future())] { ready->wait(); });
  for (int i = 0; i < 2; ++i) to.add(1, [] {});
  EXPECT_TRUE(to.has_room());
  to.add(1, [] {});
  EXPECT_FALSE(to.has_room());
  EXPECT_EQ(told, 0);
  first_may_end.set_value();
  room.get_future().wait();
  EXPECT_TRUE(to.has_room());
  to.finish();
  EXPECT_EQ(told, 1);
}

TEST(writer, bytes_count_as_well) {
  std::promise<void> may_end;
  writer to({.pieces = 1000, .bytes = 100});
  to.add(40, [ready = std::make_shared<std::future<void>>(may_end.get_future())] { ready->wait(); });
  EXPECT_TRUE(to.has_room());
  to.add(60, [] {});
  EXPECT_FALSE(to.has_room());
  may_end.set_value();
  to.finish();
  EXPECT_TRUE(to.has_room());
}

// Nothing else would wake the writer: the lines are few, and for a file.
TEST(writer, a_queue_that_is_full_of_lines_is_written) {
  const temporary_directory directory;
  output file = output::create(directory / "file");
  std::promise<void> room;
  writer to({.pieces = 2, .bytes = 1000}, {.room_made = [&] { room.set_value(); }});
  append_text(to, file, "one\n");
  append_text(to, file, "two\n");
  room.get_future().wait();
  to.finish();
}

TEST(writer, a_failure_is_told_once_and_thrown_by_all_that_follows) {
  output full = output::create("/dev/full");
  std::promise<void> failed;
  bool ran = false;
  writer to({}, {.failed = [&] { failed.set_value(); }});
  append_text(to, full, std::string(100'000, 'x'));
  failed.get_future().wait();
  EXPECT_THROW(append_text(to, full, "more"), output_error);
  EXPECT_THROW(to.write(full, "more"), output_error);
  EXPECT_THROW(to.add(1, [&] { ran = true; }), output_error);
  EXPECT_THROW(to.finish(), output_error);
  EXPECT_FALSE(ran);
}

TEST(writer, what_followed_a_failure_is_not_done) {
  std::promise<void> may_fail;
  bool ran = false;
  writer to;
  to.add(1, [ready = std::make_shared<std::future<void>>(may_fail.get_future())] {
    ready->wait();
    throw std::runtime_error("no");
  });
  to.add(1, [&] { ran = true; });
  may_fail.set_value();
  EXPECT_THROW(to.finish(), std::runtime_error);
  EXPECT_FALSE(ran);
}

// This program does not ignore SIGPIPE.
TEST(writer, a_reader_that_has_gone_is_an_error_and_no_signal) {
  const temporary_directory directory;
  const std::string fifo = directory / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  output pipe = output::create(fifo);
  close(reader);
  writer to;
  append_text(to, pipe, "one\n");
  try {
    to.finish();
    FAIL() << "it was written";
  } catch (const output_error& why) {
    EXPECT_THAT(why.what(), HasSubstr("Broken pipe"));
  }
}

TEST(writer, half_a_piece_is_none) {
  const temporary_directory directory;
  output file = output::create(directory / "file");
  writer to;
  append_text(to, file, "one\n");
  EXPECT_THROW(to.append(file,
                         [](std::string& all) {
                           all += "tw";
                           throw std::bad_alloc();
                         }),
               std::bad_alloc);
  append_text(to, file, "three\n");
  to.finish();
  file.close();
  EXPECT_EQ(read_file(directory / "file"), "one\nthree\n");
}

}  // namespace
