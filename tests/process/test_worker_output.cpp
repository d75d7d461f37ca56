// What a worker writes, line by line, without a worker.

#include "process/supervisor/worker_output.hpp"
#include "support/leaks.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace worker_outputs {

using namespace fanout;
using detail::owned_descriptor;
using detail::worker_output_reader;
using testing::ElementsAre;

class outputs_of_workers : public test::leak_checked {
 protected:
  struct capture {
    capture() {
      how.output = worker_output::captured;
      how.on_output = [this](const output_line& line) {
        EXPECT_EQ(line.worker, 7U);
        lines.emplace_back((line.error ? "err " : "out ") + std::string(line.text));
      };
      reader.emplace(loop, how, 7);
      output = owned_descriptor(fcntl(reader->output(), F_DUPFD_CLOEXEC, 0));
      error = owned_descriptor(fcntl(reader->error(), F_DUPFD_CLOEXEC, 0));
      reader->begin();
    }
    void write_to(const owned_descriptor& where, std::string_view text) {
      ASSERT_EQ(write(where.value(), text.data(), text.size()), std::ssize(text));
      loop.poll();
      loop.restart();
    }
    asio::io_context loop;
    worker_options how;
    std::vector<std::string> lines;
    std::optional<worker_output_reader> reader;
    owned_descriptor output;
    owned_descriptor error;
  };
};

TEST_F(outputs_of_workers, come_line_by_line_however_they_are_written) {
  capture of;
  of.write_to(of.output, "one\ntw");
  EXPECT_THAT(of.lines, ElementsAre("out one"));
  of.write_to(of.error, "bad\n");
  of.write_to(of.output, "o\n\nthree");
  EXPECT_THAT(of.lines, ElementsAre("out one", "err bad", "out two", "out "));
  of.reader->finish();
  EXPECT_THAT(of.lines, ElementsAre("out one", "err bad", "out two", "out ", "out three"))
      << "what is left comes with the end, although the pipe is still open";
}

TEST_F(outputs_of_workers, a_line_without_end_comes_in_pieces) {
  capture of;
  std::size_t bytes = 0;
  for (int i = 0; i < 40; ++i) of.write_to(of.output, std::string(4096, 'x'));
  for (const std::string& each : of.lines) {
    EXPECT_GE(each.size(), 64U * 1024);
    bytes += each.size() - 4;
  }
  EXPECT_EQ(of.lines.size(), 2U);
  of.reader->finish();
  EXPECT_EQ(bytes + of.lines.back().size() - 4, 40U * 4096) << "none is lost";
}

TEST_F(outputs_of_workers, a_stream_that_is_closed_ends_and_the_other_goes_on) {
  capture of;
  of.output.reset();
  of.loop.poll();
  of.loop.restart();
  of.write_to(of.error, "still here\n");
  EXPECT_THAT(of.lines, ElementsAre("err still here"));
  of.error.reset();
  of.loop.run();  // nothing waits any more
}

TEST_F(outputs_of_workers, a_reader_may_go_while_it_waits) {
  capture of;
  of.reader.reset();
  of.loop.run();
}

TEST_F(outputs_of_workers, that_are_inherited_are_not_read) {
  asio::io_context loop;
  const worker_options how;
  worker_output_reader reader(loop, how, 0);
  EXPECT_EQ(reader.output(), -1);
  EXPECT_EQ(reader.error(), -1);
  reader.begin();
  loop.run();
  reader.finish();
}

TEST_F(outputs_of_workers, that_are_discarded_go_to_the_null_device) {
  asio::io_context loop;
  worker_options how;
  how.output = worker_output::discard;
  worker_output_reader reader(loop, how, 0);
  struct stat null{};
  struct stat output{};
  ASSERT_EQ(stat("/dev/null", &null), 0);
  ASSERT_EQ(fstat(reader.output(), &output), 0);
  EXPECT_EQ(output.st_rdev, null.st_rdev);
  reader.begin();
  EXPECT_EQ(reader.output(), -1) << "this process keeps no copy";
  reader.finish();
}

TEST_F(outputs_of_workers, without_a_callee_are_read_and_dropped) {
  asio::io_context loop;
  worker_options how;
  how.output = worker_output::captured;
  worker_output_reader reader(loop, how, 0);
  const owned_descriptor output(fcntl(reader.output(), F_DUPFD_CLOEXEC, 0));
  reader.begin();
  ASSERT_EQ(write(output.value(), "x\n", 2), 2);
  loop.poll();
  reader.finish();
}

}  // namespace worker_outputs
