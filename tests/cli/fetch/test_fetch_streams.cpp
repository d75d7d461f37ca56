// Bodies on their way to files and readers: live, cut, gone on with.

#include <fanout/origin/background.hpp>
#include <fanout/origin/content.hpp>

#include "cli/fetch_support.hpp"
#include "http/scripted_server.hpp"
#include "support/nginx.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

namespace {

using namespace fanout::cli::testing;
using fanout_test::chunk;
using fanout_test::peer;
using fanout_test::read_file;
using fanout_test::scripted_server;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* shapes[]{"sync", "threads:2", "async:2", "processes:2", "hybrid:2", "auto"};

/// Over HTTP/1.1 and HTTP/2; the servers are the same.
class fetch_streams : public ::testing::TestWithParam<const char*> {
 protected:
  static ended fetch(std::vector<std::string> arguments, const std::string& input = "", const redirections& to = {}) {
    arguments.emplace_back(GetParam());
    return fanout::cli::testing::fetch(std::move(arguments), input, to);
  }
  static bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }
  /// Bytes of a large body that may be in memory, from a server that is near: of the piece that is written and of the
  /// one that comes meanwhile. Over HTTP/2 each is up to the stream's window, which stays small there (`h2_window`).
  static constexpr std::uint64_t most_of_a_body = 2 << 20;
  /// What is beside the file, and nothing else is.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& each : std::filesystem::directory_iterator(directory_.path()))
      all.push_back(each.path().filename());
    std::sort(all.begin(), all.end());
    return all;
  }

  fanout::origin::background origin_;
  temporary_directory directory_;
  const std::string file_ = directory_ / "file";
  const std::string part_ = file_ + ".part";
};

// The next piece is sent when the reader has the one before.
TEST_P(fetch_streams, a_live_stream_reaches_its_reader_piece_by_piece) {
  for (const char* shape : shapes) {
    std::atomic<int> read{0};
    scripted_server server([&](peer& client, int) {
      client.read_request();
      client.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (int i = 0; i < 3; ++i) {
        while (read != i) std::this_thread::yield();
        client.send(chunk("data: " + std::to_string(i) + "\n"));
      }
      while (read != 3) std::this_thread::yield();
      client.send("0\r\n\r\n");
    });
    child fetching(tool, {"fetch", GetParam(), "-s", shape, server.url()});
    for (int i = 0; i < 3; ++i, ++read) EXPECT_EQ(fetching.read_line(), "data: " + std::to_string(i)) << shape;
    EXPECT_EQ(fetching.rest_of_output(), "") << shape;
    EXPECT_EQ(fetching.wait(), 0) << shape;
  }
}

TEST_P(fetch_streams, a_large_body_arrives_whole_wherever_it_goes) {
  const std::string url = origin_.url("/bytes/5000000");
  const std::string whole = fanout::origin::content(0, 5'000'000);
  for (const char* shape : shapes) {
    EXPECT_TRUE(fetch({"-s", shape, url}).output == whole) << shape;
    const ended result = fetch({"-s", shape, url, "-o", file_});
    EXPECT_EQ(result.errors + result.output, "") << shape;
    EXPECT_TRUE(read_file(file_) == whole) << shape;
    EXPECT_EQ(fetch({"-s", shape, url, url, "-o", directory_ / "bodies/", "--overwrite"}).status, 0) << shape;
    EXPECT_TRUE(read_file(directory_ / "bodies/00000000") == whole) << shape;
    EXPECT_TRUE(read_file(directory_ / "bodies/00000001") == whole) << shape;
    EXPECT_EQ(fetch({"-s", shape, url}, "", {.output = directory_.write("redirected", "")}).status, 0);
    EXPECT_TRUE(read_file(directory_ / "redirected") == whole) << shape;
  }
}

// Memory does not grow with the body, in this process or in a worker.
TEST_P(fetch_streams, a_large_body_takes_no_more_memory_than_a_small_one) {
  for (const char* shape : {"sync", "async:2", "processes:1"}) {
    const auto peak = [&](const std::string& path) {
      const std::string summary = directory_ / "summary";
      EXPECT_EQ(fetch({"-s", shape, origin_.url(path), "-o", file_, "--summary", summary}).status, 0);
      const auto all = json::parse(read_file(summary)).as_object();
      std::uint64_t bytes = number_of(all, "peak_rss_bytes");
      for (const auto& each : all.at("workers").as_array())
        bytes = std::max(bytes, number_of(each.as_object(), "peak_rss_bytes"));
      return bytes;
    };
    const std::uint64_t small = peak("/bytes/1");
    // The least: while the disk waits for a core, a near server's bytes lie in the stream's window.
    std::uint64_t large = peak("/bytes/100000000");
    if (fanout::test::sanitized) continue;  // they keep what was freed
    for (int again = 0; again < 2 && large >= small + most_of_a_body; ++again)
      large = std::min(large, peak("/bytes/100000000"));
    EXPECT_LT(large, small + most_of_a_body) << shape;
  }
}

// Whatever is written before the body, whoever it goes to.
TEST_P(fetch_streams, a_large_body_takes_no_more_memory_with_other_options) {
  if (fanout::test::sanitized) GTEST_SKIP() << "a sanitizer keeps what was freed";
  const std::string summary = directory_ / "summary";
  const auto peak = [&](std::vector<std::string> options, const std::string& path) {
    options.insert(options.end(), {"--summary", summary, origin_.url(path)});
    const ended result = fetch(std::move(options), "", {.output = directory_.write("redirected", "")});
    EXPECT_EQ(result.status, 0) << result.errors;
    return number_of(json::parse(read_file(summary)).as_object(), "peak_rss_bytes");
  };
  for (const std::vector<std::string>& options : {std::vector<std::string>{"-s", "sync", "--include"},
                                                  {"-s", "sync", "-D", "-"},
                                                  {"-s", "sync", "--retry", "2"},
                                                  {"-s", "sync", "--include", "-o", file_}}) {
    const std::uint64_t small = peak(options, "/bytes/1");
    const std::uint64_t large = peak(options, "/bytes/100000000");
    EXPECT_LT(large, small + 2 * most_of_a_body) << options[2];  // --retry holds back the first MiB, too
  }
}

TEST_P(fetch_streams, heads_stand_before_bodies) {
  const std::string url = origin_.url("/redirect/1"), page = origin_.url("/bytes/2000000");
  for (const char* shape : shapes) {
    const std::string both = fetch({"-s", shape, "--include", url}).output;
    EXPECT_THAT(both, AllOf(HasSubstr(" 302"), HasSubstr(" 200"), HasSubstr("\r\n\r\n"))) << shape;
    const std::string text = fetch({"-s", shape, "-D", "-", page}).output;
    EXPECT_TRUE(text.starts_with("HTTP/")) << shape;
    EXPECT_TRUE(text.ends_with(fanout::origin::content(0, 2'000'000))) << shape;
    EXPECT_EQ(fetch({"-s", shape, "--include", "-o", file_, page}).status, 0);
    EXPECT_TRUE(read_file(file_) == fetch({"-s", shape, "--include", page}).output) << shape;
    EXPECT_THAT(fetch({"-s", shape, "--include", "-f", origin_.url("/status/404")}).output, HasSubstr(" 404")) << shape;
  }
}

TEST_P(fetch_streams, several_pages_of_curl_follow_one_another) {
  child both(tool, {"curl", "-s", "-i", origin_.url("/bytes/3000000"), origin_.url("/bytes/2")});
  both.close_input();
  const std::string text = both.rest_of_output();
  EXPECT_EQ(both.wait(), 0);
  EXPECT_GT(text.size(), 3'000'002u);
  EXPECT_TRUE(text.ends_with("\r\n\r\nAB"));
  EXPECT_THAT(text.substr(text.size() - 400), HasSubstr("HTTP/1.1 200 OK"));
}

// Whole, and one after the other, whatever comes of several at a time.
TEST_P(fetch_streams, pages_that_share_an_output_are_whole) {
  const std::string large = fanout::origin::content(0, 3'000'000), small = fanout::origin::content(0, 2);
  const std::string urls = origin_.url("/bytes/3000000") + " " + origin_.url("/bytes/2");
  const auto curl = [&](const std::string& options) {
    child running("/bin/sh", {"-c", std::string("exec ") + tool + " curl -s " + GetParam() + " " + options + urls});
    running.close_input();
    std::string output = running.rest_of_output();
    EXPECT_EQ(running.wait(), 0) << options;
    return output;
  };
  const std::string several = curl("-Z ");
  EXPECT_TRUE(several == large + small || several == small + large);
  const auto before = origin_.statistics().connections_accepted;
  EXPECT_TRUE(curl("-w '|%{size_download}|' ") == large + "|3000000|" + small + "|2|");
  EXPECT_TRUE(curl("--retry 2 ") == large + small);
  EXPECT_EQ(origin_.statistics().connections_accepted, before + 2)
      << "pages that follow one another share a connection";
}

// Of all that shares an output, no more than a small part is in memory.
TEST_P(fetch_streams, large_pages_that_share_an_output_are_not_held_in_memory) {
  if (fanout::test::sanitized) GTEST_SKIP() << "a sanitizer keeps what was freed";
  const auto peak = [&](const std::string& options, const std::string& path) {
    const std::string url = " " + origin_.url(path);
    child running("/bin/sh", {"-c", std::string("exec ") + tool + " curl -sS " + GetParam() + " " + options + url +
                                        url + " > /dev/null"});
    running.close_input();
    EXPECT_EQ(running.rest_of_errors(), "") << options;
    EXPECT_EQ(running.wait(), 0) << options;
    return running.peak_bytes();
  };
  constexpr std::uint64_t body = 100'000'000;
  for (const char* options : {"-Z", "-w x", "--retry 1", "-i --retry 1 -w x"}) {
    const std::uint64_t small = peak(options, "/bytes/1");
    const std::uint64_t large = peak(options, "/bytes/" + std::to_string(body));
    EXPECT_LT(large, small + body / 2) << options;
  }
}

// With the headers of both tries before the body of the last.
TEST_P(fetch_streams, a_page_that_is_tried_again_has_the_heads_of_all_tries) {
  for (const std::size_t size : {10, 3'000'000}) {
    scripted_server server([&](peer& client, int number) {
      client.read_request();
      client.send(number == 0 ? "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
                              : "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
                                    std::string(size, 'x'));
    });
    const std::vector<std::string> options{"--include", "--retry", "1", "--retry-delay", "1ms"};
    const std::string body(size, 'x');
    const auto run = [&](std::vector<std::string> more) {
      more.insert(more.end(), options.begin(), options.end());
      more.push_back(server.url());
      return fetch(std::move(more));
    };
    const std::string output = run({}).output;
    EXPECT_THAT(output.substr(0, 300), AllOf(HasSubstr(" 503"), HasSubstr("\r\n\r\nHTTP/"), HasSubstr(" 200")));
    EXPECT_TRUE(output.ends_with("\r\n\r\n" + body));
    EXPECT_EQ(output.find("busy"), output.npos);
  }
}

// What came of it is shown as without --retry, but once.
TEST_P(fetch_streams, a_small_body_that_breaks_each_time_is_shown_once) {
  scripted_server server([&](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nhalf");
  });
  const ended cut = fetch({"--retry", "1", "--retry-all-errors", "--retry-delay", "1ms", server.url()});
  EXPECT_EQ(cut.status, 1);
  EXPECT_EQ(cut.output, "half");
  EXPECT_EQ(server.connections(), 2);
}

// Bodies in a directory and in the records, too.
TEST_P(fetch_streams, bodies_that_two_want_are_whole_in_both) {
  const std::string url = origin_.url("/bytes/300000"), small = origin_.url("/bytes/2");
  for (const char* shape : {"sync", "async:2", "processes:1"}) {
    for (const bool named : {false, true}) {
      const std::string to = directory_ / (std::string(shape) + (named ? "-named/" : "/"));
      std::vector<std::string> arguments{"-s", shape, "--with-bodies", url, small, "-o", to};
      if (named) arguments.emplace_back("-O");
      EXPECT_EQ(fetch(arguments).status, 0) << shape;
      const auto all = records(read_file(to + "records.jsonl"));
      EXPECT_TRUE(text_of(all.at(0), "body") == fanout::origin::content(0, 300'000)) << shape;
      EXPECT_EQ(text_of(all.at(1), "body"), "AB");
      EXPECT_TRUE(read_file(to + text_of(all.at(0), "file")) == fanout::origin::content(0, 300'000)) << shape;
      EXPECT_EQ(read_file(to + text_of(all.at(1), "file")), "AB");
    }
  }
}

TEST_P(fetch_streams, files_get_the_time_of_the_server) {
  scripted_server server([&](peer& client, int) {
    while (!client.read_request().empty())
      client.send("HTTP/1.1 200 OK\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 1\r\n\r\nx");
  });
  const auto time_of = [](const std::string& path) {
    struct stat is{};
    EXPECT_EQ(::stat(path.c_str(), &is), 0) << path;
    return is.st_mtime;
  };
  EXPECT_EQ(fetch({server.url(), "-R", "-o", file_}).status, 0);
  EXPECT_EQ(time_of(file_), 784111777);
  EXPECT_EQ(fetch({server.url(), "-o", file_}).status, 0);
  EXPECT_GT(time_of(file_), 784111777);
  for (const char* shape : {"sync", "async:2", "processes:1"}) {
    const std::string to = directory_ / (std::string("times-") + shape + "/");
    EXPECT_EQ(fetch({"-s", shape, server.url(), server.url(), "-R", "-o", to}).status, 0);
    EXPECT_EQ(time_of(to + "00000001"), 784111777) << shape;
  }
}

// What was written to standard output cannot be taken back.
TEST_P(fetch_streams, a_large_body_that_breaks_is_not_tried_again_on_standard_output) {
  scripted_server server([&](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + std::string(3'000'000, 'x'));
  });
  const ended cut = fetch({"--retry", "3", "--retry-all-errors", "--retry-delay", "1ms", server.url()});
  EXPECT_EQ(cut.status, 1);
  EXPECT_EQ(cut.output.size(), 3'000'000u);
  EXPECT_EQ(server.connections(), 1);
}

TEST_P(fetch_streams, a_body_that_is_cut_says_where_it_is) {
  for (const char* shape : shapes) {
    directory_.write("file", "before");
    const ended cut = fetch({"-s", shape, origin_.url("/truncate?bytes=5000&length=10000"), "-o", file_});
    EXPECT_EQ(cut.status, 1);
    EXPECT_THAT(cut.errors, HasSubstr("; 5000 bytes are in " + part_)) << shape;
    EXPECT_EQ(read_file(file_), "before");
    EXPECT_EQ(read_file(part_).size(), 5000u);
    const std::string bodies = directory_ / (std::string("bodies-") + shape);
    const ended several = fetch(
        {"-s", shape, origin_.url("/bytes/1"), origin_.url("/truncate?bytes=5000&length=10000"), "-o", bodies + "/"});
    const auto all = records(several.output);
    EXPECT_EQ(text_of(all.at(1), "file"), "00000001.part") << shape;
    EXPECT_EQ(number_of(all.at(1), "bytes"), 5000u) << shape;
    EXPECT_EQ(kind_of(all.at(1)), "protocol") << shape;
    EXPECT_EQ(read_file(bodies + "/00000001.part").size(), 5000u) << shape;
  }
}

TEST_P(fetch_streams, ctrl_c_leaves_the_part) {
  for (const char* shape : {"sync", "async:2"}) {
    scripted_server server([&](peer& client, int) {
      client.read_request();
      client.send("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 100\r\n\r\nhalf");
      client.wait_until_closed();
    });
    child fetching(tool, {"fetch", GetParam(), "-s", shape, server.url(), "-o", file_});
    while (!exists(part_) || read_file(part_) != "half") std::this_thread::yield();
    fetching.signal(SIGINT);
    fetching.read_error_line();  // an empty one
    fetching.read_error_line();
    fetching.signal(SIGALRM);  // the end of its grace, without the wait
    EXPECT_THAT(fetching.rest_of_errors(), HasSubstr("the body so far is in " + part_)) << shape;
    EXPECT_EQ(fetching.wait(), 130) << shape;
    EXPECT_EQ(read_file(part_), "half");
    EXPECT_FALSE(exists(file_));
    std::filesystem::remove(part_);
  }
}

// As on a disk that is full after a while.
TEST_P(fetch_streams, a_file_that_cannot_grow_is_an_error_and_stays_a_part) {
  for (const char* shape : {"sync", "threads:2", "async:2"}) {
    child limited("/bin/sh", {"-c", "ulimit -f 200; exec \"$0\" fetch -q \"$4\" -s \"$1\" \"$2\" -o \"$3\"", tool,
                              shape, origin_.url("/bytes/1000000"), file_, GetParam()});
    EXPECT_THAT(limited.rest_of_errors(), HasSubstr("cannot write to " + part_ + ": File too large")) << shape;
    EXPECT_EQ(limited.wait(), 3) << shape;
    EXPECT_FALSE(exists(file_));
    EXPECT_EQ(read_file(part_), fanout::origin::content(0, 200 * 512));
  }
}

TEST_P(fetch_streams, files_that_are_there_are_skipped_or_replaced) {
  const std::string bodies = directory_ / "bodies";
  EXPECT_EQ(fetch({origin_.url("/bytes/1"), origin_.url("/bytes/2"), "-o", bodies + "/"}).status, 0);
  std::filesystem::remove(bodies + "/00000001");
  const auto before = origin_.statistics().requests;
  const ended again = fetch({origin_.url("/bytes/3"), origin_.url("/bytes/4"), "-o", bodies, "--skip-existing"});
  EXPECT_EQ(again.status, 0);
  EXPECT_THAT(again.errors, HasSubstr("1 fetched, 0 failed, 1 skipped"));
  EXPECT_EQ(origin_.statistics().requests, before + 1);
  EXPECT_TRUE(records(again.output).at(0).at("skipped").as_bool());
  EXPECT_EQ(read_file(bodies + "/00000000"), "A");
  EXPECT_EQ(read_file(bodies + "/00000001"), "ABCD");
  EXPECT_EQ(fetch({origin_.url("/bytes/3"), "-o", bodies, "--overwrite"}).status, 0);
  EXPECT_EQ(read_file(bodies + "/00000000"), "ABC");
  EXPECT_EQ(fetch({origin_.url("/bytes/4"), "-o", bodies + "/00000000", "--skip-existing"}).status, 0);
  EXPECT_EQ(read_file(bodies + "/00000000"), "ABC");
  for (const auto& wrong : std::vector<std::vector<std::string>>{{"--overwrite", "-o", file_},
                                                                 {"--skip-existing"},
                                                                 {"--continue"},
                                                                 {"--continue", "-o", bodies},
                                                                 {"-C", "7", "-o", file_}}) {
    std::vector<std::string> arguments{origin_.url("/bytes/1")};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(fetch(arguments).status, 2) << wrong[0];
    EXPECT_FALSE(exists(file_));
  }
}

/// A server that cuts the first body in the middle and then does as it is told.
class fetch_continued : public fetch_streams {
 protected:
  /// Cuts the page behind `size` bytes; the answer to what is asked next is `rest`.
  void cut_and_continue(std::string rest, std::vector<std::string> expected_of_request = {}) {
    scripted_server server([&](peer& client, int number) {
      const std::string asked = client.read_request();
      if (number == 0) {
        client.send("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 10\r\n\r\nabcd");
        return;
      }
      for (const std::string& each : expected_of_request) {
        EXPECT_TRUE(number != 1 || asked.find(each) != std::string::npos) << asked;
      }
      client.send(number == 1 ? rest : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew");
    });
    EXPECT_EQ(fetch({server.url(), "-o", file_}).status, 1);
    EXPECT_EQ(read_file(part_), "abcd");
    result_ = fetch({server.url(), "-o", file_, "-C", "-"});
    connections_ = server.connections();
  }

  ended result_;
  int connections_ = 0;
};

TEST_P(fetch_continued, the_rest_is_asked_for_and_joined) {
  cut_and_continue("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\nefghij",
                   {"Range: bytes=4-\r\n", "If-Range: \"1\"\r\n"});
  EXPECT_EQ(result_.status, 0) << result_.errors;
  EXPECT_EQ(read_file(file_), "abcdefghij");
  EXPECT_THAT(result_.errors, HasSubstr("went on at byte 4"));
  EXPECT_EQ(names(), std::vector<std::string>{"file"});
}

TEST_P(fetch_continued, a_page_that_changed_begins_anew_and_says_so) {
  cut_and_continue("HTTP/1.1 200 OK\r\nETag: \"2\"\r\nContent-Length: 5\r\n\r\nother");
  EXPECT_EQ(result_.status, 0);
  EXPECT_EQ(read_file(file_), "other");
  EXPECT_THAT(result_.errors, HasSubstr("changed on the server; it begins anew"));
  EXPECT_EQ(names(), std::vector<std::string>{"file"});
}

TEST_P(fetch_continued, a_server_without_parts_begins_anew_and_says_so) {
  cut_and_continue("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 10\r\n\r\nabcdefghij");
  EXPECT_EQ(read_file(file_), "abcdefghij");
  EXPECT_THAT(result_.errors, HasSubstr("does not send parts; it begins anew"));
}

TEST_P(fetch_continued, another_part_than_the_rest_is_not_joined) {
  cut_and_continue("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-9/10\r\nContent-Length: 7\r\n\r\ndefghij");
  EXPECT_EQ(read_file(file_), "new");
  EXPECT_EQ(connections_, 3);
  EXPECT_EQ(result_.status, 0);
}

TEST_P(fetch_continued, a_range_that_is_not_there_begins_anew) {
  cut_and_continue("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */2\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(read_file(file_), "new");
  EXPECT_EQ(result_.status, 0) << result_.errors;
}

TEST_P(fetch_continued, an_error_leaves_the_part_as_it_was) {
  cut_and_continue("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
  EXPECT_EQ(result_.status, 1);
  EXPECT_THAT(result_.errors, HasSubstr("503"));
  EXPECT_EQ(read_file(part_), "abcd");
  EXPECT_TRUE(exists(part_ + ".json"));
  EXPECT_FALSE(exists(file_));
}

// Cut at every byte of the rest, and gone on with until it is whole.
TEST_P(fetch_continued, a_rest_that_is_cut_again_is_gone_on_with) {
  const std::string body = "a body that comes in pieces of one byte each";
  scripted_server server([&](peer& client, int) {
    const std::string asked = client.read_request();
    const auto range = asked.find("Range: bytes=");
    const std::size_t from = range == asked.npos ? 0 : std::stoul(asked.substr(range + 13));
    const std::string size = std::to_string(body.size());
    client.send(from == 0 ? "HTTP/1.1 200 OK\r\n"
                          : "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + std::to_string(from) + "-" +
                                std::to_string(body.size() - 1) + "/" + size + "\r\n");
    client.send("ETag: \"1\"\r\nContent-Length: " + std::to_string(body.size() - from) + "\r\n\r\n");
    client.send(body.substr(from, 1));
  });
  for (std::size_t i = 1; i < body.size(); ++i) {
    ASSERT_EQ(fetch({server.url(), "-o", file_, "--continue"}).status, 1);
    ASSERT_EQ(read_file(part_), body.substr(0, i));
  }
  const ended last = fetch({server.url(), "-o", file_, "--continue"});
  EXPECT_EQ(last.status, 0) << last.errors;
  EXPECT_EQ(read_file(file_), body);
  EXPECT_EQ(names(), std::vector<std::string>{"file"});
}

// A real server: the rest, a page that changed, and a part that is whole already.
TEST_P(fetch_streams, nginx_is_gone_on_with) {
  const temporary_directory root;
  const std::string whole = fanout::origin::content(0, 300'000);
  root.write("page", whole);
  const bool http_2 = std::string_view(GetParam()) != "--http1.1";
  const fanout_test::nginx server(root.path(), http_2 ? "http2 on;" : "");
  for (const char* shape : {"sync", "processes:1"}) {
    const auto with_part = [&](std::size_t bytes) {
      // What a cut would have left, with the tag that the server gives now.
      const ended head = fetch({server.url("/page"), "--head"});
      const auto from = head.output.find('"');
      const std::string tag = head.output.substr(from, head.output.find('"', from + 1) - from + 1);
      directory_.write("file.part", whole.substr(0, bytes));
      directory_.write(
          "file.part.json",
          json::serialize(json::object{{"url", server.url("/page")}, {"validator", tag}, {"bytes", whole.size()}}));
    };
    with_part(100'000);
    ended result = fetch({"-s", shape, server.url("/page"), "-o", file_, "--continue"});
    EXPECT_EQ(result.status, 0) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr("went on at byte 100000"));
    EXPECT_TRUE(read_file(file_) == whole);
    with_part(whole.size());
    result = fetch({"-s", shape, server.url("/page"), "-o", file_, "--continue"});
    EXPECT_EQ(result.status, 0) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr("all 300000 bytes were there"));
    EXPECT_TRUE(read_file(file_) == whole);
    EXPECT_EQ(names(), std::vector<std::string>{"file"});
    with_part(100'000);
    root.write("page", whole + "and more");
    result = fetch({"-s", shape, server.url("/page"), "-o", file_, "--continue"});
    EXPECT_THAT(result.errors, HasSubstr("changed on the server; it begins anew"));
    EXPECT_TRUE(read_file(file_) == whole + "and more");
    root.write("page", whole);
    directory_.write("file.part", "of nobody knows what");
    result = fetch({"-s", shape, server.url("/page"), "-o", file_, "--continue"});
    EXPECT_THAT(result.errors, HasSubstr("nothing tells what " + part_ + " is a part of; it begins anew"));
    EXPECT_TRUE(read_file(file_) == whole);
  }
}

std::string name_of_version(const ::testing::TestParamInfo<const char*>& version) {
  return std::string_view(version.param) == "--http1.1" ? "h1" : "h2";
}
INSTANTIATE_TEST_SUITE_P(versions, fetch_streams, ::testing::Values("--http1.1", "--http2-prior-knowledge"),
                         name_of_version);
INSTANTIATE_TEST_SUITE_P(versions, fetch_continued, ::testing::Values("--http1.1", "--http2-prior-knowledge"),
                         name_of_version);

}  // namespace
