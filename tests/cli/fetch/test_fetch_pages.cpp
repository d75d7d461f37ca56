// What fanout fetch writes of a page, and about it, with curl's options.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "http/scripted_server.hpp"
#include "support/nginx.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace {

using namespace fanout::cli::testing;
using fanout_test::always;
using fanout_test::nginx;
using fanout_test::ok;
using fanout_test::peer;
using fanout_test::read_file;
using fanout_test::scripted_server;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class fetch_pages : public ::testing::Test {
 protected:
  std::string path(const std::string& name) { return directory_ / name; }
  std::size_t files() {
    const std::filesystem::directory_iterator all(directory_ / "");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  fanout::origin::background origin_;
  temporary_directory directory_;
};

TEST_F(fetch_pages, a_file_named_by_the_url) {
  const ended saved = fetch({"-O", "--output-dir", path(""), origin_.url("/bytes/10?x=1/2")});
  EXPECT_EQ(saved.status, 0) << saved.errors;
  EXPECT_EQ(std::filesystem::file_size(path("10")), 10u);
  EXPECT_EQ(fetch({"-O", origin_.url("/")}).status, 2);
  EXPECT_THAT(fetch({"-O", origin_.url("/")}).errors, HasSubstr("ends with no name for a file; use -o FILE"));
}

TEST_F(fetch_pages, a_file_that_is_there_is_kept_on_request) {
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(fetch({"--no-clobber", "-o", path("page"), origin_.url(i == 0 ? "/bytes/1" : "/bytes/2")}).status, 0);
  EXPECT_EQ(read_file(path("page")) + read_file(path("page.1")), "AAB");
  EXPECT_EQ(files(), 2u);
  EXPECT_THAT(fetch({"--no-clobber", "--continue", "-o", path("page"), origin_.url("/")}).errors,
              HasSubstr("use one of"));
  EXPECT_THAT(fetch({"--no-clobber", origin_.url("/"), origin_.url("/")}).errors, HasSubstr("one URL"));
}

TEST_F(fetch_pages, nothing_stays_of_a_page_that_fails_on_request) {
  const std::string cut = origin_.url("/truncate?bytes=10&length=20"), before = directory_.write("page", "before");
  EXPECT_EQ(fetch({"--remove-on-error", "-o", before, cut}).status, 1);
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(read_file(before), "before");
  EXPECT_EQ(fetch({"--remove-on-error", "-o", before, origin_.url("/bytes/2")}).status, 0);
  EXPECT_EQ(read_file(before), "AB");
  EXPECT_EQ(fetch({"-o", before, cut}).status, 1);
  EXPECT_GT(files(), 1u) << "without the option, there is a part";
}

TEST_F(fetch_pages, files_of_a_list_are_named_by_their_urls) {
  const std::string list = directory_.write(
      "urls.txt", origin_.url("/bytes/10") + "\n" + origin_.url("/bytes/200000") + "\n" + origin_.url("/") + "\n");
  for (const char* shape : {"sync", "async:3", "processes:2"}) {
    const temporary_directory into;
    const ended saved = fetch({"-O", "--output-dir", into / "", "-s", shape, "-i", list, origin_.url("/echo?10")});
    EXPECT_EQ(saved.status, 0) << saved.errors;
    auto all = records(saved.output);
    ASSERT_EQ(all.size(), 4u) << shape;
    EXPECT_EQ(text_of(all.at(0), "file"), "echo");
    EXPECT_EQ(text_of(all.at(1), "file"), "10");
    EXPECT_EQ(text_of(all.at(2), "file"), "200000");
    EXPECT_EQ(text_of(all.at(3), "file"), "00000003");
    EXPECT_EQ(std::filesystem::file_size(into / "10"), 10u);
    EXPECT_EQ(std::filesystem::file_size(into / "200000"), 200'000u);

    const ended again =
        fetch({"-O", "--output-dir", into / "", "-s", shape, origin_.url("/bytes/10"), origin_.url("/bytes/10?again")});
    EXPECT_EQ(again.status, 0) << again.errors;
    all = records(again.output);
    EXPECT_EQ(text_of(all.at(0), "file"), "10.0");
    EXPECT_EQ(text_of(all.at(1), "file"), "10.1");
    EXPECT_THAT(again.errors, HasSubstr("2 files have a number at the end, as the name was taken"));
  }
}

TEST_F(fetch_pages, files_of_a_list_stand_beside_their_records) {
  const std::string list =
      directory_.write("urls.txt", origin_.url("/bytes/10") + "\n" + origin_.url("/bytes/11") + "\n");
  EXPECT_EQ(fetch({"-O", "-o", path("pages/"), "-i", list}).status, 0);
  const auto all = records(read_file(path("pages/records.jsonl")));
  EXPECT_EQ(text_of(all.at(1), "file"), "11");
  EXPECT_EQ(std::filesystem::file_size(path("pages/11")), 11u);
  // In the same directory as a file of records of that name.
  const ended both = fetch({"-O", "--output-dir", path(""), "-o", path("10"), "-i", list});
  EXPECT_EQ(both.status, 0) << both.errors;
  EXPECT_EQ(text_of(records(read_file(path("10"))).at(0), "file"), "_10");
  EXPECT_THAT(fetch({"-O", "--skip-existing", "-i", list}).errors, HasSubstr("--skip-existing: does not know"));
  EXPECT_THAT(fetch({"--output-dir", path(""), "-i", list}).errors,
              HasSubstr("--output-dir is for one URL, or for -O"));
  EXPECT_THAT(fetch({"-O", "--output-dir", path(""), "-o", path("pages/"), "-i", list}).errors,
              HasSubstr("each give the directory"));
}

TEST_F(fetch_pages, a_file_named_by_the_server) {
  temporary_directory pages;
  pages.write("x", "page");
  const nginx server(pages / "",
                     "location /x { add_header Content-Disposition 'attachment; filename=\"../../.evil\"'; }");
  directory_.write("_evil", "mine");
  const ended saved = fetch({"-OJ", "--output-dir", path(""), server.url("/x")});
  EXPECT_EQ(saved.status, 0) << saved.errors;
  EXPECT_EQ(read_file(path("_evil")), "mine");
  EXPECT_EQ(read_file(path("_evil.1")), "page");
  EXPECT_THAT(saved.errors, HasSubstr("saved as "));
  EXPECT_EQ(files(), 2u) << "nothing else is left";

  const ended both = fetch({"-OJ", "--output-dir", path(""), server.url("/x"), server.url("/x?2")});
  EXPECT_EQ(both.status, 0) << both.errors;
  EXPECT_EQ(text_of(records(both.output).at(0), "file"), "_evil.0");
  EXPECT_EQ(read_file(path("_evil.0")) + read_file(path("_evil")), "pagemine");
}

TEST_F(fetch_pages, directories_are_made_if_asked) {
  EXPECT_EQ(fetch({"-o", path("a/b/c"), origin_.url("/bytes/3")}).status, 3);
  EXPECT_EQ(fetch({"--create-dirs", "-o", path("a/b/c"), origin_.url("/bytes/3")}).status, 0);
  EXPECT_EQ(std::filesystem::file_size(path("a/b/c")), 3u);
}

TEST_F(fetch_pages, a_failed_page_is_not_written_if_so_asked) {
  const std::string file = directory_.write("page", "old");
  EXPECT_EQ(fetch({"-f", "-o", file, origin_.url("/status/404")}).status, 1);
  EXPECT_EQ(read_file(file), "old");
  EXPECT_EQ(fetch({"-f", origin_.url("/status/404")}).output, "");
  EXPECT_NE(fetch({"--fail-with-body", origin_.url("/status/404")}).output, "");
}

TEST_F(fetch_pages, headers_before_the_page_and_in_a_file) {
  scripted_server server([](peer& with, int) {
    for (std::string request; !(request = with.read_request()).empty();)
      with.send(request.starts_with("GET /b") ? ok("page")
                                              : "HTTP/1.1 302 Moved Away\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
  });
  const std::string heads =
      "HTTP/1.1 302 Moved Away\r\nLocation: /b\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
      "4\r\n\r\n";
  EXPECT_EQ(fetch({"--include", server.url("/a")}).output, heads + "page");
  EXPECT_EQ(fetch({"-D", path("headers"), server.url("/a")}).output, "page");
  EXPECT_EQ(read_file(path("headers")), heads);
  EXPECT_EQ(fetch({"-D", "-", "-o", path("page"), server.url("/a")}).output, heads);
  scripted_server heads_only(always("HTTP/1.1 200 All Right\r\nX: 1\r\nContent-Length: 4\r\n\r\n"));
  EXPECT_EQ(fetch({"-I", heads_only.url("/b")}).output, "HTTP/1.1 200 All Right\nX: 1\nContent-Length: 4\n\n");
}

TEST_F(fetch_pages, figures_of_each_url) {
  const ended one = fetch({"-w", "%{http_code} %{num_redirects} %{size_download} %{url_effective}\\n", "-o",
                           path("page"), origin_.url("/redirect/2")});
  EXPECT_THAT(one.output, StartsWith("200 2 "));
  EXPECT_THAT(one.output, Not(HasSubstr("/redirect/2")));
  const ended lost = fetch({"-w", "%{http_code} %{exitcode}%{stderr}%{errormsg}", "http://127.0.0.1:1/"});
  EXPECT_EQ(lost.output, "000 7");
  EXPECT_THAT(lost.errors, HasSubstr("Connection refused"));
  const auto all =
      json::parse(fetch({"-o", "/dev/null", "-w", "%{json}", origin_.url("/bytes/10")}).output).as_object();
  EXPECT_EQ(all.at("size_download").as_int64(), 10);
  EXPECT_GT(all.at("time_total").as_double(), 0);
  EXPECT_EQ(fetch({"-w", "%{nothing}", origin_.url("/")}).status, 2);
  const ended file =
      fetch({"-o", "/dev/null", "-w", "@" + directory_.write("format", "%{http_code}!"), origin_.url("/bytes/1")});
  EXPECT_EQ(file.output, "200!");
}

TEST_F(fetch_pages, the_exchange) {
  const ended shown = fetch({"-v", origin_.url("/redirect/1")});
  EXPECT_THAT(shown.errors,
              AllOf(HasSubstr("* Connected to 127.0.0.1:"), HasSubstr("> GET /redirect/1 HTTP/1.1\n> Host: 127.0.0.1:"),
                    HasSubstr("< HTTP/1.1 302 "), HasSubstr("* Re-using the connection to "),
                    HasSubstr("< HTTP/1.1 200 OK\n"), HasSubstr("* First byte after ")));
  const ended lost = fetch({"-v", "http://127.0.0.1:1/"});
  EXPECT_THAT(lost.errors, HasSubstr("* no connection to 127.0.0.1:1"));
  const ended several = fetch({"-v", "-q", "-s", "processes:2", origin_.url("/bytes/1"), origin_.url("/bytes/2")});
  EXPECT_THAT(several.errors, AllOf(HasSubstr("> GET /bytes/1"), HasSubstr("> GET /bytes/2")));
  EXPECT_EQ(records(several.output).size(), 2u);
}

TEST_F(fetch_pages, the_exchange_is_shown_while_it_goes_on) {
  std::atomic<bool> request_seen = false, head_seen = false;
  scripted_server server([&](peer& with, int) {
    with.read_request();
    while (!request_seen) std::this_thread::yield();
    with.send("HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 4\r\n\r\n");
    while (!head_seen) std::this_thread::yield();
    with.send("page");
  });
  const auto read_until = [](child& from, const std::string& wanted) {
    for (std::string line = from.read_error_line(); !line.empty(); line = from.read_error_line())
      if (line == wanted) return true;
    return false;
  };
  for (const std::vector<std::string>& line : {std::vector<std::string>{"fetch", "-v", server.url()},
                                               {"fetch", "-v", "-s", "processes:1", server.url()},
                                               {"curl", "-sv", server.url()},
                                               {"curl", "-sv", "--retry", "1", server.url()}}) {
    request_seen = head_seen = false;
    child fetching(tool, line);
    EXPECT_TRUE(read_until(fetching, "> ")) << "before the server answers";
    request_seen = true;
    EXPECT_TRUE(read_until(fetching, "< X-One: 1")) << "before the body comes";
    head_seen = true;
    EXPECT_EQ(fetching.rest_of_output(), "page");
    EXPECT_EQ(fetching.wait(), 0);
  }
}

TEST_F(fetch_pages, referers_and_users_after_redirects) {
  const auto netrc =
      directory_.write("netrc", "machine 127.0.0.1 login ann password a\nmachine localhost login bob password b\n");
  const std::string away = "http://localhost:" + std::to_string(origin_.port()) + "/echo";
  scripted_server home(always("HTTP/1.1 302 Found\r\nLocation: " + away + "\r\nContent-Length: 0\r\n\r\n"));
  const ended result = fetch({"-e", "http://first.test/;auto", "--netrc-file", netrc, "-v", home.url("/start")});
  EXPECT_THAT(result.errors,
              AllOf(HasSubstr("> Referer: http://first.test/\n"), HasSubstr("> Authorization: Basic YW5uOmE=\n")));
  EXPECT_THAT(result.output, AllOf(HasSubstr(home.url("/start")), HasSubstr("Basic Ym9iOmI=")));
  EXPECT_THAT(fetch({"-e", ";auto", origin_.url("/echo")}).output, Not(HasSubstr("eferer")));
}

TEST_F(fetch_pages, tries_until_it_goes) {
  scripted_server server([](peer& with, int) {
    for (int i = 0; !with.read_request().empty(); ++i)
      with.send(i < 2 ? "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy" : ok("done"));
  });
  const ended done = fetch({"--retry", "3", "--retry-delay", "1ms", server.url("/"), "-v"});
  EXPECT_EQ(done.status, 0) << done.errors;
  EXPECT_EQ(done.output, "done") << "and nothing of the tries before";
  EXPECT_THAT(done.errors, HasSubstr("* Trying again in 1 ms: 503 Busy"));
  EXPECT_EQ(fetch({"--retry", "1", "--retry-delay", "1ms", server.url("/")}).status, 1);
  const auto all = records(fetch({"-q", "--timings", "--retry", "2", "--retry-delay", "1ms", server.url("/")}).output);
  EXPECT_EQ(number_of(all.at(0), "attempts"), 3u);
}

TEST_F(fetch_pages, slowly) {
  const auto timed = [&](const std::vector<std::string>& options) {
    std::vector<std::string> all = options;
    all.insert(all.end(), {"-o", "/dev/null", "-w", "%{time_total} %{size_download}", origin_.url("/bytes/40000")});
    return fetch(std::move(all)).output;
  };
  const std::string slow = timed({"--limit-rate", "100K"});
  EXPECT_THAT(slow, HasSubstr(" 40000"));
  EXPECT_GE(std::stod(slow), 40000.0 / (100 * 1024));
  EXPECT_EQ(fetch({"--limit-rate", "x", origin_.url("/")}).status, 2);
}

TEST_F(fetch_pages, a_post_is_sent_again_only_where_nothing_was_done) {
  std::atomic<int> requests = 0;
  scripted_server server([&](peer& with, int) {
    while (!with.read_request().empty()) {
      ++requests;
      with.send("HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n");
    }
  });
  fetch({"--retry", "2", "--retry-delay", "1ms", "-d", "x", server.url("/")});
  EXPECT_EQ(requests, 1);
  fetch({"--retry", "2", "--retry-delay", "1ms", "--retry-all-errors", "-d", "x", server.url("/")});
  EXPECT_EQ(requests, 4);
}

TEST_F(fetch_pages, members_of_objects_come_back) {
  const std::string line = "{\"url\":\"" + origin_.url("/bytes/1") + "\",\"label\":1.50,\"status\":\"mine\"}\n";
  for (const char* shape : {"async:2", "processes:1"}) {
    const ended kept = fetch({"-q", "-s", shape, "-i", "-"}, line);
    EXPECT_THAT(kept.output, HasSubstr(R"(,"label":1.50,"input_status":"mine"})")) << shape;
    EXPECT_EQ(records(kept.output).size(), 1u);
  }
  EXPECT_THAT(fetch({"-q", "--no-passthrough", "-i", "-"}, line).output, Not(HasSubstr("label")));
}

TEST_F(fetch_pages, an_archive) {
  const ended done =
      fetch({"-q", "--har", path("pages.har"), "-i", "-"}, origin_.url("/redirect/1") + "\nhttp://127.0.0.1:1/\n");
  EXPECT_EQ(done.status, 1);
  const auto entries = json::parse(read_file(path("pages.har"))).at("log").at("entries").as_array();
  EXPECT_EQ(entries.size(), 3u);
  const ended single = fetch({"--har", path("page.har"), origin_.url("/bytes/5")});
  EXPECT_EQ(single.status, 0);
  const json::value page = json::parse(read_file(path("page.har")));
  EXPECT_EQ(page.at("log").at("entries").at(0).at("response").at("content").at("size").as_int64(), 5);
}

TEST_F(fetch_pages, digest_logins) {
  scripted_server server([](peer& with, int) {
    for (std::string request; !(request = with.read_request()).empty();)
      with.send(request.find("Authorization: Digest username=\"u\"") != request.npos
                    ? ok("in")
                    : "HTTP/1.1 401 Who\r\nWWW-Authenticate: Digest realm=r, nonce=n, qop=\"auth\"\r\nContent-Length: "
                      "0\r\n\r\n");
  });
  EXPECT_EQ(fetch({"--digest", "-u", "u:p", server.url("/")}).output, "in");
  EXPECT_EQ(fetch({"-u", "u:p", server.url("/")}).status, 1);
  EXPECT_THAT(fetch({"--digest", server.url("/")}).errors, HasSubstr("--digest: -u user:password is missing"));
}

}  // namespace
