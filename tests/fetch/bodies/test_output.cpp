#include <fanout/fetch/output.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

namespace {

using namespace fanout::fetch;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Call>
std::string output_failure(Call call) {
  try {
    call();
  } catch (const output_error& failed) {
    return failed.what();
  }
  return "nothing was thrown";
}

TEST(output, replaces_a_file_and_is_whole_when_closed) {
  const temporary_directory directory;
  const std::string path = directory.write("records", "what was there before");
  output out = output::create(path);
  out.write("one\n");
  out.write(std::string(200'000, 'x'));
  out.write("\n");
  out.close();
  EXPECT_EQ(read_file(path), "one\n" + std::string(200'000, 'x') + "\n");
}

TEST(output, leaves_a_file_that_was_there_until_it_is_whole) {
  const temporary_directory directory;
  const std::string path = directory.write("records", "before");
  const std::string part = path + ".part";
  {
    output out = output::create(path);
    EXPECT_TRUE(out.replaces());
    out.write(std::string(100'000, 'x'));
    EXPECT_EQ(read_file(path), "before");
  }  // never closed: what was written is there to look at
  EXPECT_EQ(read_file(path), "before");
  EXPECT_EQ(read_file(part).size(), 100'000u);

  output next = output::create(path);  // begins anew
  next.abandon();
  EXPECT_EQ(read_file(path), "before");
  EXPECT_NE(access(part.c_str(), F_OK), 0);  // it was empty

  output cut = output::create(path);
  cut.write("half");
  cut.abandon();
  EXPECT_EQ(read_file(path), "before");
  EXPECT_EQ(read_file(part), "half");

  output whole = output::create(path);
  whole.close();
  EXPECT_EQ(read_file(path), "");
  EXPECT_NE(access(part.c_str(), F_OK), 0);
  EXPECT_FALSE(output::create(directory / "new").replaces());
}

TEST(output, keeps_the_mode_of_a_file_and_the_link_to_it) {
  const temporary_directory directory;
  const std::string path = directory.write("records", "before");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  const std::string link = directory / "link";
  ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
  output out = output::create(link);
  out.write("after");
  out.close();
  struct stat status{};
  ASSERT_EQ(lstat(link.c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_EQ(read_file(path), "after");
}

TEST(output, whose_name_has_no_room_for_more_is_written_in_place) {
  const temporary_directory directory;
  const std::string path = directory / std::string(255, 'n');
  output out = output::create(path);
  out.write("after");
  out.close();
  EXPECT_EQ(read_file(path), "after");
}

TEST(output, is_written_in_larger_pieces_to_a_file_and_at_once_to_a_reader) {
  const temporary_directory directory;
  output file = output::create(directory / "records");
  file.write("one\n");
  EXPECT_EQ(read_file(directory / "records.part"), "");
  const std::string fifo = directory / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  output pipe = output::create(fifo);
  pipe.write("one\n");
  std::array<char, 8> bytes{};
  EXPECT_EQ(read(reader, bytes.data(), bytes.size()), 4);
  close(reader);
}

TEST(output, failures_name_the_file) {
  EXPECT_THAT(output_failure([] { output::create("/no/such/file"); }), HasSubstr("/no/such/file: No such file"));
  EXPECT_THAT(output_failure([] {
                output full = output::create("/dev/full");
                full.write("one\n");
                full.close();
              }),
              AllOf(HasSubstr("/dev/full"), HasSubstr("No space left")));
}

TEST(output, a_descriptor_that_is_not_ready_is_waited_for) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  ASSERT_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
  const std::string sent(300'000, 'x');
  std::string received;
  std::thread reader([&] {
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = read(ends[0], part.data(), part.size())) > 0;)
      received.append(part.data(), static_cast<std::size_t>(got));
  });
  EXPECT_EQ(write_all(ends[1], sent), 0);
  close(ends[1]);
  reader.join();
  close(ends[0]);
  EXPECT_TRUE(received == sent);
  EXPECT_EQ(write_all(-1, "x"), EBADF);
}

}  // namespace
