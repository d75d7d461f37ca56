// Bodies that go to files, standard output and sinks as they come.

#include <fanout/async/to_thread.hpp>
#include <fanout/core/run.hpp>
#include <fanout/fetch/body_sink.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/origin/background.hpp>
#include <fanout/origin/content.hpp>
#include <fanout/process/remote.hpp>

#include "http/coded.hpp"
#include "http/scripted_server.hpp"
#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;
using fanout::options;
using fanout::outcome;
using fanout_test::chunk;
using fanout_test::coded;
using fanout_test::ok;
using fanout_test::peer;
using fanout_test::read_file;
using fanout_test::scripted_server;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

request asking_for(std::string url) {
  request made;
  made.url = std::move(url);
  return made;
}

outcome<record> outcome_of(const settings& with, request what, options how = fanout::sync()) {
  how.on_error = fanout::on_error::collect;
  std::optional<outcome<record>> result;
  fanout::run(how, fanout::remote<exchange>.with(with), std::vector{std::move(what)},
              [&](outcome<record> out) { result.emplace(std::move(out)); });
  return std::move(result).value();
}

record fetched(const settings& with, request what, options how = fanout::sync()) {
  return outcome_of(with, std::move(what), std::move(how)).value();
}

/// Runs a task beside what else there is on the loop.
record run_beside(boost::asio::io_context& loop, fanout::task<record> work) {
  std::optional<record> result;
  boost::asio::co_spawn(loop, std::move(work), [&](std::exception_ptr, record got) { result = std::move(got); });
  while (!result) loop.run_one();
  return *std::move(result);
}

bool exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

std::string file_or_nothing(const std::string& path) {
  return exists(path) ? read_file(path) : std::string();
}

class saved_bodies : public fanout::test::leak_checked {
 protected:
  void SetUp() override {
    fanout::test::run_to_end(one_thread());  // the shared ones stay; no test needs two at once
    leak_checked::SetUp();
  }
  static fanout::task<int> one_thread() {
    auto call = fanout::to_thread([] { return 0; });
    co_return co_await std::move(call);
  }

  settings into_file() const {
    settings with;
    with.body_path = file_;
    return with;
  }
  settings into_directory() const {
    settings with;
    with.body_path = directory_.path() + "/";
    return with;
  }
  request named(request what, std::string name) const {
    what.file = std::move(name);
    return what;
  }

  temporary_directory directory_;
  const std::string file_ = directory_ / "file";
  const std::string part_ = file_ + ".part";
};

TEST_F(saved_bodies, are_whole_under_every_shape) {
  const fanout::origin::background origin;
  for (const char* shape : {"sync", "threads:2", "async:3", "processes:2", "2x1x2"}) {
    for (const char* path : {"/bytes/3000000", "/chunked/3000000?chunk=70000", "/close/3000000", "/bytes/0"}) {
      const record got = fetched(into_file(), asking_for(origin.url(path)), fanout::parse_shape(shape));
      const std::uint64_t size = std::string_view(path) == "/bytes/0" ? 0 : 3'000'000;
      EXPECT_EQ(got.status, 200) << shape << path << got.message;
      EXPECT_EQ(got.bytes, size) << shape << path;
      EXPECT_EQ(got.file, file_);
      EXPECT_FALSE(got.body);
      EXPECT_TRUE(read_file(file_) == fanout::origin::content(0, size)) << shape << path;
      EXPECT_FALSE(exists(part_) || exists(part_ + ".json"));
    }
  }
}

TEST_F(saved_bodies, of_a_directory_have_the_names_of_their_requests) {
  const fanout::origin::background origin;
  settings with = into_directory();
  record got = fetched(with, named(asking_for(origin.url("/bytes/5")), "seven"));
  EXPECT_EQ(got.file, "seven");
  EXPECT_EQ(read_file(directory_ / "seven"), "ABCDE");
  with.held_body_bytes = 5;
  got = fetched(with, named(asking_for(origin.url("/bytes/5")), "small"));
  EXPECT_EQ(got.body, "ABCDE");  // for somebody else to store
  EXPECT_EQ(got.file, "");
  EXPECT_FALSE(exists(directory_ / "small"));
  got = fetched(with, named(asking_for(origin.url("/bytes/6")), "large"));
  EXPECT_FALSE(got.body);
  EXPECT_EQ(read_file(directory_ / "large"), "ABCDEF");
}

TEST_F(saved_bodies, without_bodies_are_empty_files) {
  const fanout::origin::background origin;
  request head = asking_for(origin.url("/bytes/5"));
  head.method = "HEAD";
  EXPECT_EQ(fetched(into_file(), head).status, 200);
  EXPECT_EQ(read_file(file_), "");
  std::filesystem::remove(file_);
  EXPECT_EQ(fetched(into_file(), asking_for(origin.url("/status/204"))).status, 204);
  EXPECT_EQ(read_file(file_), "");
}

TEST_F(saved_bodies, are_decoded_on_the_way) {
  const std::string plain(2'000'000, 'x');
  for (const char* coding : {"gzip", "deflate", "br", "zstd"}) {
    const std::string packed = coded(plain, coding);
    scripted_server server(fanout_test::always("HTTP/1.1 200 OK\r\nContent-Encoding: " + std::string(coding) +
                                               "\r\nContent-Length: " + std::to_string(packed.size()) + "\r\n\r\n" +
                                               packed));
    settings with = into_file();
    with.max_decoding_ratio = 0;
    const record got = fetched(with, asking_for(server.url()));
    EXPECT_EQ(got.bytes, plain.size()) << coding << got.message;
    EXPECT_TRUE(read_file(file_) == plain) << coding;
  }
}

// Whatever byte the connection ends behind: a file that was there stays, and the part has what came of the body.
TEST_F(saved_bodies, that_are_cut_stay_as_parts) {
  const std::string plain = "a body of some length, and of some more";
  const std::string packed = coded(plain, "gzip");
  const std::vector<std::string> answers{ok(plain),
                                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                             chunk(plain.substr(0, 7)) + chunk(plain.substr(7)) + "0\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                                             std::to_string(packed.size()) + "\r\n\r\n" + packed};
  for (const std::string& answer : answers) {
    for (const bool in_directory : {false, true}) {
      std::atomic<std::size_t> end = 0;
      scripted_server server([&](peer& client, int) {
        client.read_request();
        client.send(std::string_view(answer).substr(0, end));
      });
      for (end = 0; end < answer.size(); ++end) {
        directory_.write("file", "before");
        std::filesystem::remove(part_);
        settings with = in_directory ? into_directory() : into_file();
        with.overwrite_bodies = true;
        with.held_body_bytes = in_directory ? 1000 : 0;
        const record got = fetched(with, named(asking_for(server.url()), "file"));
        ASSERT_EQ(got.error, failure_kind::protocol) << end;
        ASSERT_EQ(read_file(file_), "before") << end;
        const std::string left = file_or_nothing(part_);
        ASSERT_TRUE(plain.starts_with(left)) << end;
        ASSERT_EQ(got.bytes, left.size()) << end;
        ASSERT_EQ(got.file, left.empty() ? "" : in_directory ? "file.part" : part_) << end;
        const std::string told = "; " + std::to_string(left.size()) + " bytes are in " + part_;
        ASSERT_EQ(got.message.str().find(told) == std::string::npos, left.empty()) << end << got.message;
        const std::size_t head = answers[0].size() - plain.size();
        if (&answer == &answers[0]) {
          ASSERT_EQ(left.size(), end > head ? end - head : 0) << end;
        }
      }
      const record whole = fetched(into_file(), asking_for(server.url()));
      EXPECT_FALSE(whole.error) << whole.message;
      EXPECT_EQ(read_file(file_), plain);  // begun anew, not behind what was there
    }
  }
}

TEST_F(saved_bodies, keep_to_the_limits) {
  const fanout::origin::background origin;
  directory_.write("file", "before");
  settings with = into_file();
  with.max_body_bytes = 100'000;
  EXPECT_EQ(fetched(with, asking_for(origin.url("/bytes/100001"))).error, failure_kind::too_large);
  EXPECT_FALSE(exists(part_));  // the header said so
  const record got = fetched(with, asking_for(origin.url("/chunked/1000000?chunk=1000")));
  EXPECT_EQ(got.error, failure_kind::too_large);
  EXPECT_LE(read_file(part_).size(), 100'000u);
  const std::string bomb = coded(std::string(80 << 20, 'x'), "gzip");
  scripted_server server(fanout_test::always("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                                             std::to_string(bomb.size()) + "\r\n\r\n" + bomb));
  EXPECT_EQ(fetched(into_file(), asking_for(server.url())).error, failure_kind::too_large);
  EXPECT_LE(read_file(part_).size(), (64u << 20) + 128 * 1024);
  EXPECT_EQ(read_file(file_), "before");
}

TEST_F(saved_bodies, of_a_stopped_run_stay_as_parts) {
  for (const char* shape : {"sync", "async:2"}) {
    std::stop_source stop;
    std::atomic<bool> sent{false};
    scripted_server server([&](peer& client, int) {
      client.read_request();
      client.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      sent = true;
      client.wait_until_closed();
    });
    options how = fanout::parse_shape(shape);
    how.stop = stop.get_token();
    std::jthread stopper([&] {
      while (!sent || file_or_nothing(part_) != "half") std::this_thread::yield();
      stop.request_stop();
    });
    const auto out = outcome_of(into_file(), asking_for(server.url()), how);
    ASSERT_FALSE(out.ok());
    EXPECT_EQ(out.error().kind, failure_kind::cancelled);
    EXPECT_EQ(read_file(part_), "half");
    EXPECT_FALSE(exists(file_));
    std::filesystem::remove(part_);
  }
}

TEST_F(saved_bodies, files_that_are_there_are_refused_skipped_or_replaced_as_asked) {
  const fanout::origin::background origin;
  directory_.write("file", "mine");
  settings with = into_directory();
  const request what = named(asking_for(origin.url("/bytes/5")), "file");
  for (const char* shape : {"sync", "processes:1"}) {
    const record refused = fetched(with, what, fanout::parse_shape(shape));
    EXPECT_THAT(refused.unwritten, HasSubstr(file_ + ": File exists"));
    EXPECT_THAT(refused.unwritten, HasSubstr("--overwrite"));
    EXPECT_THAT(refused.unwritten, HasSubstr("--skip-existing"));
    EXPECT_EQ(refused.error, failure_kind::task_failed);
  }
  with.skip_existing = true;
  const record skipped = fetched(with, what);
  EXPECT_TRUE(skipped.skipped && !skipped.error);
  EXPECT_EQ(skipped.file, "file");
  EXPECT_EQ(skipped.status, 0);
  EXPECT_EQ(origin.statistics().requests, 0u);
  EXPECT_EQ(read_file(file_), "mine");
  with.skip_existing = false;
  with.overwrite_bodies = true;
  EXPECT_FALSE(fetched(with, what).error);
  EXPECT_EQ(read_file(file_), "ABCDE");
}

TEST_F(saved_bodies, that_appear_meanwhile_are_not_replaced) {
  scripted_server server([&](peer& client, int) {
    client.read_request();
    directory_.write("file", "mine");
    client.send(ok("theirs"));
  });
  const record got = fetched(into_directory(), named(asking_for(server.url()), "file"));
  EXPECT_THAT(got.unwritten, HasSubstr("File exists"));
  EXPECT_EQ(read_file(file_), "mine");
}

TEST_F(saved_bodies, that_cannot_be_written_say_so) {
  const fanout::origin::background origin;
  settings with;
  with.body_path = "/dev/full";
  for (const char* shape : {"sync", "processes:1"}) {
    const record got = fetched(with, asking_for(origin.url("/bytes/5")), fanout::parse_shape(shape));
    EXPECT_THAT(got.unwritten, HasSubstr("cannot write to /dev/full: No space left"));
    EXPECT_EQ(got.error, failure_kind::task_failed);
  }
  with.body_path = directory_ / "none/file";
  EXPECT_THAT(fetched(with, asking_for(origin.url("/bytes/5"))).unwritten, HasSubstr("none/file: No such file"));
}

// A reader that takes nothing holds up its own body, and no other exchange of the loop.
TEST_F(saved_bodies, wait_for_a_slow_reader_without_stopping_the_loop) {
  const fanout::origin::background origin;
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  settings to_reader;
  to_reader.body_path = fifo;
  const exchanger slow(to_reader);
  const exchanger quick(settings{});
  const request large = asking_for(origin.url("/bytes/3000000"));
  const request small = asking_for(origin.url("/bytes/5"));
  boost::asio::io_context loop(1);
  std::optional<record> read;
  boost::asio::co_spawn(loop, exchange(slow, large), [&](std::exception_ptr, record got) { read = std::move(got); });
  const int room = fcntl(reader, F_GETPIPE_SZ);
  for (int waiting = 0; waiting < room; ioctl(reader, FIONREAD, &waiting)) loop.run_one_for(std::chrono::seconds(1));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run_beside(loop, exchange(quick, small)).status, 200);
  EXPECT_FALSE(read);
  std::string all;
  std::jthread reading([&] {
    std::string piece(65536, '\0');
    pollfd ready{reader, POLLIN, 0};
    for (;;) {
      poll(&ready, 1, -1);
      const auto got = ::read(reader, piece.data(), piece.size());
      if (got <= 0) return;
      all.append(piece, 0, static_cast<std::size_t>(got));
    }
  });
  loop.run();
  reading.join();
  close(reader);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->bytes, 3'000'000u) << read->message;
  EXPECT_TRUE(all == fanout::origin::content(0, 3'000'000));
}

/// Keeps what it is told.
class noted final : public body_sink {
 public:
  void begin(const fanout::http::response& head) override { calls += "begin " + std::to_string(head.status) + "\n"; }
  fanout::task<void> write(std::string_view piece) override {
    calls.append(piece) += '\n';
    if (on_piece) on_piece();
    if (piece == fails_at) throw std::runtime_error("no more");
    co_return;
  }
  void finish() override { calls += "finish\n"; }
  void cut() noexcept override { calls += "cut\n"; }
  std::string calls;
  std::string fails_at = "nothing";
  std::function<void()> on_piece;
};

record streamed(const request& what, noted& into) {
  const exchanger with(settings{});
  return fanout::test::run_to_end(exchange_into(with, what, into));
}

// A live stream: each piece is there before the next one is sent.
TEST_F(saved_bodies, reach_a_sink_piece_by_piece) {
  std::atomic<int> taken{0};
  scripted_server server([&](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      while (taken != i) std::this_thread::yield();
      client.send(chunk("piece " + std::to_string(i)));
    }
    while (taken != 3) std::this_thread::yield();
    client.send("0\r\n\r\n");
  });
  noted into;
  into.on_piece = [&] { ++taken; };
  const record got = streamed(asking_for(server.url()), into);
  EXPECT_EQ(into.calls, "begin 200\npiece 0\npiece 1\npiece 2\nfinish\n");
  EXPECT_EQ(got.bytes, 21u);
}

TEST_F(saved_bodies, that_a_sink_refuses_or_loses_are_cut) {
  const fanout::origin::background origin;
  noted lost;
  EXPECT_EQ(streamed(asking_for(origin.url("/truncate?bytes=3&length=9")), lost).error, failure_kind::protocol);
  EXPECT_EQ(lost.calls, "begin 200\nABC\ncut\n");
  noted full;
  full.fails_at = "ABCDE";
  EXPECT_THROW(streamed(asking_for(origin.url("/bytes/5")), full), std::runtime_error);
  EXPECT_EQ(full.calls, "begin 200\nABCDE\ncut\n");
  noted none;
  EXPECT_EQ(streamed(asking_for("http://127.0.0.1:1/"), none).error, failure_kind::connect);
  EXPECT_EQ(none.calls, "");
}

}  // namespace
