// A run that was killed, stopped or refused, and the same command again.

#include <fanout/origin/background.hpp>
#include <fanout/origin/content.hpp>

#include "cli/fetch_support.hpp"
#include "fetch/encoding/warc_reader.hpp"
#include "http/scripted_server.hpp"
#include "support/temporary_directory.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <set>

namespace {

using namespace fanout::cli::testing;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

std::string unpacked(const std::string& path) {
  const std::string bytes = read_file(path);
  std::string text;
  if (path.ends_with(".gz"))
    for (const std::string& each : fanout_test::gzip_parts(bytes)) text += each;
  else if (path.ends_with(".zst"))
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = ZSTD_findFrameCompressedSize(bytes.data() + at, bytes.size() - at);
      if (ZSTD_isError(size)) throw std::runtime_error("a zstd frame is not whole");
      std::string frame(ZSTD_getFrameContentSize(bytes.data() + at, size), '\0');
      const std::size_t got = ZSTD_decompress(frame.data(), frame.size(), bytes.data() + at, size);
      if (got != frame.size()) throw std::runtime_error("a zstd frame is not whole");
      text += frame;
      at += size;
    }
  else
    text = bytes;
  return text;
}

/// Index and size of each record in a database.
std::vector<std::pair<std::uint64_t, std::uint64_t>> rows_of(const std::string& path) {
  sqlite3* opened = nullptr;
  const int failed = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(opened, sqlite3_close);
  if (failed != SQLITE_OK) throw std::runtime_error("cannot open " + path);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> rows;
  const auto add = [](void* to, int, char** values, char**) {
    auto& all = *static_cast<std::vector<std::pair<std::uint64_t, std::uint64_t>>*>(to);
    all.emplace_back(std::stoull(values[0]), std::stoull(values[1]));
    return 0;
  };
  for (const char* const sql : {"PRAGMA integrity_check(1)", "SELECT idx, bytes FROM records"})
    if (sqlite3_exec(database.get(), sql, sql[0] == 'S' ? +add : nullptr, &rows, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(database.get()));
  return rows;
}

class fetch_resume : public ::testing::Test {
 protected:
  /// A list of so many pages, each of another size.
  std::string list_of(int urls) {
    std::string text;
    for (int i = 0; i < urls; ++i)
      text += origin_.url("/bytes/" + std::to_string(size_of(static_cast<std::uint64_t>(i)))) + "\n";
    return directory_.write("list", text);
  }
  /// Of its page, in bytes. Of those that are large an archive keeps the bodies in files until they are its own.
  std::uint64_t size_of(std::uint64_t index) const {
    return some_are_large_ && index % 50 == 7 ? 70'000 + index : index % 1000;
  }

  bool some_are_large_ = false;
  fanout::origin::background origin_;
  temporary_directory directory_;
};

class fetch_killed : public fetch_resume, public ::testing::WithParamInterface<const char*> {
 protected:
  static constexpr int urls = 1'500;

  /// What is there is exactly one record of each input, and one body where bodies are files.
  void expect_exact(const std::string& path) {
    std::set<std::uint64_t> indexes;
    if (path.ends_with(".sqlite")) {
      for (const auto& [index, bytes] : rows_of(path)) {
        EXPECT_EQ(bytes, size_of(index));
        EXPECT_TRUE(indexes.insert(index).second);
      }
    } else if (path.find(".warc") != path.npos) {
      std::size_t responses = 0;
      for (const auto& record : fanout_test::read_archive(read_file(path))) {  // which looks at ids and digests
        responses += record.at("WARC-Type") == "response" || record.at("WARC-Type") == "revisit";
        if (record.at("WARC-Type") != "metadata") continue;
        EXPECT_TRUE(indexes.insert(std::stoull(record.block.substr(13))).second) << record.block;
      }
      EXPECT_EQ(responses, std::size_t{urls});
      EXPECT_FALSE(fs::exists(path + ".bodies"));
    } else {
      const bool directory = path.ends_with('/');
      for (const auto& [index, record] : records(unpacked(directory ? path + "records.jsonl" : path))) {
        EXPECT_EQ(number_of(record, "bytes"), size_of(index));
        indexes.insert(index);
        if (!directory) continue;
        EXPECT_EQ(read_file(path + text_of(record, "file")), fanout::origin::content(0, size_of(index))) << index;
      }
    }
    EXPECT_EQ(indexes.size(), std::size_t{urls});
    EXPECT_EQ(*indexes.rbegin(), std::uint64_t{urls - 1});
  }
};

// The moment is a number of requests that the origin has seen, or none at all: so it falls into opening, fetching,
// writing and ending alike. With FANOUT_TEST_WHOLE_STORM=1 it is done 200 times.
TEST_P(fetch_killed, at_any_moment_it_goes_on_and_loses_nothing) {
  some_are_large_ = true;
  const std::string list = list_of(urls);
  const int kills = std::getenv("FANOUT_TEST_WHOLE_STORM") != nullptr ? 200 : 12;
  std::mt19937 generator(std::random_device{}());
  int killed = 0;
  int whole = 0;
  while (killed < kills || whole == 0) {
    const std::string path = directory_ / (std::to_string(whole) + GetParam());
    const std::vector<std::string> arguments{"fetch", "-q", "-i", list, "-o", path, "-s", "async:8"};
    if (killed == kills) {  // enough: it may end
      child last(tool, arguments, {.output = "/dev/null"});
      const std::string errors = last.rest_of_errors();
      ASSERT_EQ(last.wait(), 0) << errors;
      expect_exact(path);
      ++whole;
      break;
    }
    const auto before = origin_.statistics().requests;
    const std::uint64_t moment = std::uniform_int_distribution<std::uint64_t>(0, 400)(generator);
    child run(tool, arguments, {.output = "/dev/null"});
    const auto ended = [&run] {
      siginfo_t info{};
      return ::waitid(P_PID, static_cast<id_t>(run.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
    };
    while (origin_.statistics().requests < before + moment && !ended()) std::this_thread::yield();
    run.signal(SIGKILL);
    const std::string errors = run.rest_of_errors();
    const int status = run.wait();
    ASSERT_TRUE(status == -SIGKILL || status == 0) << status << errors;
    ++killed;
    if (status != 0) continue;
    expect_exact(path);
    ++whole;
  }
}

// As on a small disk: the whole job fails, then once more at its beginning, then there is room. The limit of a file's
// size is what a process can have of it without privileges.
TEST_P(fetch_killed, a_full_disk_ends_it_and_with_room_it_goes_on) {
  const std::string list = list_of(urls);
  const std::string path = directory_ / ("full" + std::string(GetParam()));
  std::vector<std::string> command{tool, "fetch", "-q", "-i", list, "-o", path, "-s", "async:8"};
  if (GetParam() != std::string("/") && std::string_view(GetParam()).find(".warc") == std::string_view::npos)
    command.emplace_back("--with-bodies");
  const bool packed = path.ends_with("l.gz") || path.ends_with(".zst");
  for (const int blocks : {120, 120, 160}) {  // of 512 bytes
    std::vector<std::string> arguments{"-c", fmt::format("ulimit -f {}; exec \"$@\"", packed ? blocks / 5 : blocks),
                                       "sh"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    child run("/bin/sh", arguments, {.output = "/dev/null"});
    EXPECT_THAT(run.rest_of_errors(), HasSubstr("cannot write"));
    EXPECT_EQ(run.wait(), 3);
  }
  child last(tool, {command.begin() + 1, command.end()}, {.output = "/dev/null"});
  EXPECT_EQ(last.rest_of_errors(), "");
  EXPECT_EQ(last.wait(), 0);
  expect_exact(path);
}

INSTANTIATE_TEST_SUITE_P(sinks, fetch_killed,
                         ::testing::Values(".jsonl", ".jsonl.gz", ".jsonl.zst", ".warc.gz", ".sqlite", "/"),
                         [](const auto& of) {
                           std::string name = of.param[1] == '\0' ? "directory" : of.param;
                           std::erase(name, '.');
                           return name;
                         });

TEST_F(fetch_resume, what_was_done_is_not_fetched_again) {
  const std::string list = list_of(50);
  const std::string file = directory_ / "pages.jsonl";
  EXPECT_EQ(fetch({"-q", "-i", list, "-o", file}).status, 0);
  // As after a kill: half of the records, and the journal.
  const std::string lines = read_file(file);
  directory_.write("pages.jsonl.part", lines.substr(0, lines.size() / 2));
  fs::remove(file);
  const auto before = origin_.statistics().requests;
  const ended again = fetch({"-i", list, "-o", file});
  EXPECT_EQ(again.status, 0);
  const auto sent = origin_.statistics().requests - before;
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, 50u);
  EXPECT_THAT(again.errors, HasSubstr(std::to_string(50 - sent) + " done before"));
  EXPECT_EQ(records(read_file(file)).size(), 50u);
}

TEST_F(fetch_resume, another_list_or_other_options_are_refused) {
  const std::string list = list_of(5);
  const std::string file = directory_ / "pages.jsonl";
  ASSERT_EQ(fetch({"-q", "-i", list, "-o", file}).status, 0);
  fs::rename(file, file + ".part");
  const ended other = fetch({"-i", list, "-o", file, "-H", "A: b"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.errors, AllOf(HasSubstr("cannot go on with"), HasSubstr("headers is"), Not(HasSubstr("the list"))));
  list_of(6);
  const ended changed = fetch({"-i", list, "-o", file});
  EXPECT_EQ(changed.status, 2);
  EXPECT_THAT(changed.errors, HasSubstr("the list is"));
  EXPECT_EQ(records(read_file(file + ".part")).size(), 5u);  // nothing was touched
  EXPECT_EQ(fetch({"-q", "-i", list, "-o", file, "--restart"}).status, 0);
  EXPECT_EQ(records(read_file(file)).size(), 6u);
}

TEST_F(fetch_resume, a_list_from_a_pipe_begins_anew) {
  const std::string file = directory_ / "pages.jsonl";
  EXPECT_EQ(fetch({"-q", "-o", file}, origin_.url("/bytes/1") + "\n" + origin_.url("/bytes/2") + "\n").status, 0);
  fs::rename(file, file + ".part");
  EXPECT_EQ(fetch({"-q", "-o", file}, origin_.url("/bytes/3") + "\n").status, 0);
  EXPECT_EQ(records(read_file(file)).size(), 1u);
  EXPECT_EQ(fetch({"-q", "-o", file, "--retry-failed"}, "").status, 2);
}

TEST_F(fetch_resume, what_failed_is_fetched_again) {
  const std::string list = directory_.write(
      "list", origin_.url("/bytes/1") + "\n" + origin_.url("/status/503") + "\n" + origin_.url("/bytes/2") + "\n");
  for (const char* name : {"pages.jsonl", "pages.jsonl.gz", "pages.jsonl.zst"}) {
    const std::string file = directory_ / name;
    EXPECT_EQ(fetch({"-q", "-i", list, "-o", file}).status, 1);
    const auto before = origin_.statistics().requests;
    const ended again = fetch({"-i", list, "-o", file, "--retry-failed"});
    EXPECT_EQ(again.status, 1) << again.errors;
    EXPECT_EQ(origin_.statistics().requests - before, 1u);
    EXPECT_EQ(records(unpacked(file)).size(), 3u);
  }
}

TEST_F(fetch_resume, a_database_says_what_is_done) {
  const std::string list = list_of(50);
  const std::string file = directory_ / "pages.sqlite";
  EXPECT_EQ(fetch({"-q", "-i", list, "-o", file}).status, 0);
  EXPECT_EQ(rows_of(file).size(), 50u);
  const ended again = fetch({"-i", list, "-o", file});
  EXPECT_EQ(again.status, 0);
  EXPECT_THAT(again.errors, HasSubstr("50 done before"));
  EXPECT_EQ(origin_.statistics().requests, 50u);
  const ended other = fetch({"-i", list, "-o", file, "-H", "A: b"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.errors, HasSubstr("headers is"));
  EXPECT_EQ(fetch({"-q", "-i", list, "-o", file, "-H", "A: b", "--restart"}).status, 0);
  EXPECT_EQ(origin_.statistics().requests, 100u);
  EXPECT_THAT(fetch({"-i", list, "-o", file, "--rotate", "10"}).errors, HasSubstr("a database is one file"));
  EXPECT_THAT(fetch({"-q", "-o", file}, origin_.url("/bytes/1") + "\n").errors, HasSubstr("--restart to replace"));
  // It is a list, too.
  const auto from_it = records(fetch({"-i", file + "?table=records"}).output);
  EXPECT_EQ(from_it.size(), 50u);
  EXPECT_EQ(number_of(from_it.at(49), "bytes"), 49u);
}

TEST_F(fetch_resume, pages_of_a_sitemap) {
  const std::string map = directory_.write(
      "map.xml", "<urlset><url><loc>" + origin_.url("/bytes/7") + "</loc><lastmod>2026-11-30</lastmod></url></urlset>");
  const auto found = records(fetch({"-i", map}).output);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(number_of(found.at(0), "bytes"), 7u);
  EXPECT_EQ(text_of(found.at(0), "lastmod"), "2026-11-30");
  const ended wrong = fetch({"-i", origin_.url("/bytes/7")});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.errors, HasSubstr("cannot read the sitemap"));
}

// What the server has at these URLs meanwhile is another list, with other numbers.
TEST_F(fetch_resume, pages_of_a_sitemap_that_has_changed_since) {
  for (const char* const name : {"pages.sqlite", "pages/"}) {
    std::atomic<int> maps = 0;
    fanout_test::scripted_server server([&](fanout_test::peer& client, int) {
      for (;;) {
        const std::string asked = client.read_request();
        if (asked.empty()) return;
        const int before = maps++;
        const auto page = [&](int number) {
          return "<url><loc>" + origin_.url(before > 1 ? "/status/500" : "/bytes/" + std::to_string(number)) +
                 "</loc></url>";
        };
        std::string all;
        for (int i = 0; i < 30; ++i) all += page(i);
        if (asked.starts_with("GET /index.xml "))
          client.send(fanout_test::ok("<sitemapindex><sitemap><loc>" + server.url("/map.xml") +
                                      "</loc></sitemap><sitemap><loc>" + server.url("/none.xml") +
                                      "</loc></sitemap></sitemapindex>"));
        else if (asked.starts_with("GET /map.xml "))
          client.send(fanout_test::ok("<urlset>" + all + "<url><loc>" + origin_.url("/never") + "</loc></url>" +
                                      page(31) + "</urlset>"));
        else
          client.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
      }
    });
    const std::string path = directory_ / name;
    const std::string records_file = path.ends_with('/') ? path + "records.jsonl" : path;
    const std::vector<std::string> command{"fetch",     "-i", server.url("/index.xml"), "-o",   path, "-s", "async:1",
                                           "--timeout", "2s", "--drain-time",           "100ms"};
    const auto before = origin_.statistics().requests;
    child run(tool, command, {.output = "/dev/null"});
    while (origin_.statistics().requests < before + 31) std::this_thread::yield();
    run.signal(SIGTERM);
    EXPECT_THAT(run.rest_of_errors(), HasSubstr("30 records are whole"));
    EXPECT_EQ(run.wait(), 75);
    EXPECT_EQ(maps, 2);
    child again(tool, command, {.output = "/dev/null"});
    EXPECT_THAT(again.rest_of_errors(), HasSubstr("30 done before"));
    EXPECT_EQ(again.wait(), 1);
    EXPECT_EQ(maps, 3) << "only the one that was not read before";
    EXPECT_EQ(origin_.statistics().requests, before + 33);
    if (path.ends_with(".sqlite")) {
      EXPECT_EQ(rows_of(path).size(), 33U);
      continue;
    }
    const auto found = records(read_file(records_file));
    ASSERT_EQ(found.size(), 33U);
    EXPECT_EQ(kind_of(found.at(30)), "timeout");
    EXPECT_EQ(number_of(found.at(31), "bytes"), 31U);
    EXPECT_EQ(kind_of(found.at(32)), "invalid_request");
    // A sitemap that could not be read stays so, and its number too.
    const auto failed = fetch({"-q", "-i", server.url("/index.xml"), "-o", path, "--retry-failed", "--timeout", "2s"});
    EXPECT_EQ(failed.status, 1) << failed.errors;
    EXPECT_EQ(records(read_file(records_file)).size(), 33U);
    EXPECT_EQ(maps, 3);
    // The store is gone while its job is not complete.
    fs::rename(records_file, records_file + ".part");
    fs::remove(records_file + ".sitemaps");
    const auto gone = fetch({"-q", "-i", server.url("/index.xml"), "-o", path});
    EXPECT_EQ(gone.status, 2);
    EXPECT_THAT(gone.errors, HasSubstr("which has the sitemaps of the earlier run"));
  }
}

TEST_F(fetch_resume, since_needs_an_output_with_headers) {
  const std::string list = list_of(3);
  const std::string file = directory_ / "pages.jsonl";
  EXPECT_EQ(fetch({"-q", "-i", list, "-o", file}).status, 0);
  const ended refused = fetch({"-i", list, "-o", directory_ / "next.jsonl", "--since", file});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.errors, HasSubstr("--with-headers"));
  EXPECT_EQ(origin_.statistics().requests, 3u);
}

TEST_F(fetch_resume, digests_and_mirrors_of_a_list) {
  // SHA-256 of the origin's first five bytes.
  const std::string right = "f0393febe8baaa55e32f7be2a7cc180bf34e52137d99e056c817a9c07b8f239a";
  const std::string wrong(64, '0');
  const std::string page = origin_.url("/bytes/5");
  const std::string lines = directory_.write(
      "lines", R"({"url":")" + page + R"(","sha256":")" + right + "\"}\n" + R"({"url":")" + page + R"(","sha256":")" +
                   wrong + "\"}\n" + R"({"url":"http://127.0.0.1:1/","mirrors":[")" + page + "\"]}\n");
  const std::string table =
      directory_.write("table.csv", "url,sha256,mirrors\n" + page + "," + right + ",\n" + page + "," + wrong +
                                        ",\nhttp://127.0.0.1:1/,,http://127.0.0.1:1/x " + page + "\n");
  for (const auto& list : {std::vector<std::string>{"-i", lines}, {"-i", table, "--url-column", "url"}}) {
    auto arguments = list;
    arguments.insert(arguments.end(),
                     {"-o", directory_ / "bodies/", "--verify", "--name", "{sha256:2}/{sha256}.{ext}", "--restart"});
    const ended run = fetch(arguments);
    EXPECT_EQ(run.status, 1) << run.errors;
    const auto found = records(read_file(directory_ / "bodies/records.jsonl"));
    ASSERT_EQ(found.size(), 3u) << run.errors;
    EXPECT_EQ(text_of(found.at(0), "file"), "f0/" + right + ".bin");
    EXPECT_EQ(text_of(found.at(0), "sha256"), right);
    EXPECT_EQ(kind_of(found.at(1)), "digest_mismatch");
    EXPECT_THAT(run.errors, HasSubstr("1 digest_mismatch"));
    EXPECT_THAT(message_of(found.at(1)), HasSubstr(wrong));
    EXPECT_EQ(text_of(found.at(2), "final_url"), page);
    EXPECT_EQ(text_of(found.at(2), "file"), "f0/" + right + ".bin");
    EXPECT_EQ(read_file(directory_ / ("bodies/f0/" + right + ".bin")), "ABCDE");
    std::size_t files = 0;
    for (const auto& each : fs::recursive_directory_iterator(directory_ / "bodies")) {
      const std::string name = each.path().filename().string();
      files += each.is_regular_file() && name.find("records") == name.npos && !name.ends_with(".part");
    }
    EXPECT_EQ(files, 1u);
  }
  EXPECT_THAT(fetch({"-i", lines, "-o", directory_ / "bodies/", "--name", "{md5}"}).errors, HasSubstr("{md5}"));
  EXPECT_THAT(fetch({"-i", lines, "--name", "{name}"}).errors, HasSubstr("give -o DIR/"));
  EXPECT_THAT(fetch({"-i", lines, "--heed-x-robots-tag", "no ai"}).errors, HasSubstr("no rule of X-Robots-Tag"));
}

TEST_F(fetch_resume, ctrl_c_and_the_same_command_again) {
  const std::string list = directory_.write("list", origin_.url("/bytes/1") + "\n" + origin_.url("/never") + "\n");
  const std::string file = directory_ / "pages.jsonl";
  for (int i = 0; i < 2; ++i) {
    child run(tool, {"fetch", "-i", list, "-o", file, "-s", "async:2"});
    while (origin_.statistics().requests < 2 + static_cast<std::uint64_t>(i)) std::this_thread::yield();
    run.signal(SIGINT);
    run.read_error_line();
    run.read_error_line();
    run.signal(SIGINT);
    EXPECT_THAT(run.rest_of_errors(), HasSubstr("1 records are whole; run the same command again to go on"));
    EXPECT_EQ(run.wait(), 130);
    while (origin_.statistics().requests_waiting != 0) std::this_thread::yield();
  }
  EXPECT_EQ(origin_.statistics().requests, 3u);  // the page that came was fetched once
}

TEST_F(fetch_resume, sigterm_says_that_the_same_command_goes_on) {
  const std::string list = directory_.write("list", origin_.url("/delay/300") + "\n" + origin_.url("/never") + "\n");
  const std::string file = directory_ / "pages.jsonl";
  for (const auto& [options, number] : {std::pair(std::vector<std::string>{"--restart"}, SIGTERM),
                                        std::pair(std::vector<std::string>{"--restart", "--usr1", "drain"}, SIGUSR1)}) {
    const auto before = origin_.statistics().requests;
    std::vector<std::string> command{"fetch", "-i", list, "-o", file, "-s", "async:2", "--drain-time", "1s"};
    command.insert(command.end(), options.begin(), options.end());
    child run(tool, command);
    while (origin_.statistics().requests < before + 2) std::this_thread::yield();
    run.signal(number);
    EXPECT_THAT(run.rest_of_errors(), HasSubstr("1 records are whole")) << "the drain time is longer than 300 ms";
    EXPECT_EQ(run.wait(), 75);
    EXPECT_EQ(records(read_file(file + ".part")).size(), 1u);
    while (origin_.statistics().requests_waiting != 0) std::this_thread::yield();
  }
  const auto before = origin_.statistics().requests;
  child stopped(tool, {"fetch", "-i", list, "-s", "async:2", "--drain-time", "1s"});
  while (origin_.statistics().requests < before + 2) std::this_thread::yield();
  stopped.signal(SIGTERM);
  EXPECT_EQ(stopped.wait(), 130) << "records on standard output cannot be gone on with";
}

TEST_F(fetch_resume, options_of_a_file_of_records_need_one) {
  const std::string list = list_of(3);
  for (const std::vector<std::string>& option :
       {std::vector<std::string>{"--restart"}, {"--retry-failed"}, {"--rotate", "5"}, {"--on-close", "true"}}) {
    std::vector<std::string> command{"-i", list};
    command.insert(command.end(), option.begin(), option.end());
    const ended refused = fetch(command);
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.errors, HasSubstr(option[0] + " is for the records of several URLs in a file"));
    EXPECT_EQ(refused.output, "");
  }
  EXPECT_EQ(origin_.statistics().requests, 0u);
}

TEST_F(fetch_resume, sigusr1_prints_the_state) {
  std::string urls;
  for (int i = 0; i < 20; ++i) urls += origin_.url("/delay/50") + "\n";
  const std::string list = directory_.write("list", urls + origin_.url("/never") + "\n");
  child run(tool, {"fetch", "-i", list, "-o", directory_ / "pages.jsonl", "-s", "async:1"});
  while (origin_.statistics().requests < 3) std::this_thread::yield();
  run.signal(SIGUSR1);
  EXPECT_THAT(run.read_error_line(), AllOf(HasSubstr(" done, 0 failed, "), HasSubstr(" a second")));
  run.signal(SIGINT);
  EXPECT_THAT(run.rest_of_errors(), HasSubstr("run the same command again"));
  EXPECT_EQ(run.wait(), 130);
}

TEST_F(fetch_resume, files_that_are_rotated_and_a_command_for_each) {
  const std::string list = list_of(1'000);
  const std::string file = directory_ / "pages.jsonl";
  const std::string moved = directory_ / "moved";
  const std::string log = directory_ / "log";
  fs::create_directory(moved);
  const ended result =
      fetch({"-q", "-i", list, "-o", file, "--rotate", "50kB", "--on-close", "echo >> " + log + "; mv -t " + moved});
  EXPECT_EQ(result.status, 0) << result.errors;
  std::size_t files = 0;
  std::string all;
  for (const auto& each : fs::directory_iterator(moved)) {
    all += read_file(each.path());
    ++files;
  }
  EXPECT_GT(files, 0u);
  EXPECT_EQ(records(all).size(), 1'000u);
  EXPECT_EQ(read_file(log), std::string(files, '\n'));
}

TEST_F(fetch_resume, a_command_that_fails_is_tried_again_and_then_ends_it) {
  const std::string list = list_of(3);
  const std::string file = directory_ / "pages.jsonl";
  const std::string count = directory_ / "count";
  // Fails twice.
  const ended twice = fetch(
      {"-q", "-i", list, "-o", file, "--on-close", "echo >> " + count + "; test $(wc -l < " + count + ") -ge 3 -a -e"});
  EXPECT_EQ(twice.status, 0) << twice.errors;
  EXPECT_EQ(read_file(count), "\n\n\n");
}

TEST_F(fetch_resume, hosts_have_limits) {
  const std::string list = list_of(30);
  EXPECT_EQ(fetch({"-q", "-i", list, "-o", directory_ / "pages.jsonl", "--per-host", "1", "-s", "async:8"}).status, 0);
  EXPECT_EQ(origin_.statistics().connections_accepted, 1u);
  EXPECT_EQ(records(read_file(directory_ / "pages.jsonl")).size(), 30u);
  // 20 requests of a host, 5 ms from the start of one to the next.
  const std::string few = list_of(20);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(fetch({"-q", "-i", few, "-o", directory_ / "few.jsonl", "--host-delay", "5ms"}).status, 0);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(19 * 5));
  EXPECT_EQ(
      fetch({"-q", "-i", few, "-o", directory_ / "rate.jsonl", "--rate", "1000/s", "--host-rate", "60000/m"}).status,
      0);
  const ended wrong = fetch({"-i", few, "--rate", "10/d"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.errors, HasSubstr("10/s"));
}

TEST_F(fetch_resume, lists_in_other_forms) {
  const std::string table = directory_.write("table.csv", "name,link,status\n\"a, b\"," + origin_.url("/bytes/1") +
                                                              ",x\nc," + origin_.url("/bytes/2") + ",y\nd,,\n");
  const auto rows = records(fetch({"-i", table, "--url-column", "link"}).output);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(text_of(rows.at(0), "name"), "a, b");
  EXPECT_EQ(number_of(rows.at(1), "bytes"), 2u);
  EXPECT_EQ(number_of(rows.at(1), "status"), 200u);  // of the response, not of the table
  EXPECT_THAT(message_of(rows.at(2)), HasSubstr("line 4 of the table has no URL"));
  const ended wrong = fetch({"-i", table, "--url-column", "url"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.errors, HasSubstr("link"));

  // A method that is given and one that is not are the same.
  const std::string methods = directory_.write(
      "methods", origin_.url("/bytes/1") + "\n{\"url\":\"" + origin_.url("/bytes/1") + "\",\"method\":\"GET\"}\n");
  EXPECT_EQ(records(fetch({"-i", methods, "--dedupe"}).output).size(), 1u);

  const auto pages = records(fetch({origin_.url("/bytes/[1-3]"), origin_.url("/{bytes,status}/200"), "--glob"}).output);
  ASSERT_EQ(pages.size(), 5u);
  EXPECT_EQ(text_of(pages.at(2), "url"), origin_.url("/bytes/3"));
  EXPECT_EQ(text_of(pages.at(4), "url"), origin_.url("/status/200"));
  EXPECT_EQ(fetch({origin_.url("/bytes/[1-2"), "--glob", "-o", "-"}).status, 2);
  EXPECT_EQ(records(fetch({origin_.url("/bytes/[1-2]"), origin_.url("/bytes/1")}).output).size(), 2u);

  const std::string twice = directory_.write(
      "twice", origin_.url("/bytes/1") + "\n" + origin_.url("/bytes/2") + "\n" + origin_.url("/bytes/1#x") + "\n");
  const ended once = fetch({"-i", twice, "--dedupe"});
  EXPECT_EQ(once.status, 0);
  const auto kept = records(once.output);
  EXPECT_EQ(kept.size(), 2u);
  EXPECT_FALSE(kept.contains(2));
  EXPECT_THAT(once.errors, HasSubstr("1 repeats passed over"));
  EXPECT_EQ(fetch({"--dedupe"}, "").status, 2);
}

TEST_F(fetch_resume, repeats_are_looked_for_in_sight_and_in_sitemaps_too) {
  std::string many;
  for (int i = 0; i < 500'000; ++i) many += origin_.url("/bytes/1") + "\n";
  const ended run = fetch({"-i", directory_.write("many", many), "--dedupe", "--progress", "plain:100ms"});
  EXPECT_EQ(run.status, 0);
  EXPECT_THAT(run.errors,
              AllOf(HasSubstr("00000 URLs read to find repeats\n"), HasSubstr("499999 repeats passed over")));
  EXPECT_EQ(records(run.output).size(), 1U);
  std::atomic<int> maps = 0;
  fanout_test::scripted_server server([&](fanout_test::peer& client, int) {
    while (!client.read_request().empty()) {
      ++maps;
      client.send(fanout_test::ok("<urlset><url><loc>" + origin_.url("/bytes/1") + "</loc></url><url><loc>" +
                                  origin_.url("/bytes/1#x") + "</loc></url></urlset>"));
    }
  });
  const std::string path = directory_ / "pages.jsonl";
  EXPECT_EQ(fetch({"-q", "-i", server.url("/map.xml"), "--dedupe"}).status, 2);
  EXPECT_EQ(fetch({"-q", "-i", server.url("/map.xml"), "--dedupe", "-o", path}).status, 0);
  EXPECT_EQ(maps, 1) << "it is read twice, and fetched once";
  EXPECT_EQ(records(read_file(path)).size(), 1U);
}

}  // namespace
