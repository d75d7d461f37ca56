// The lines of docs/from-curl.md, run: those of curl by curl itself, where it is installed, and by fanout curl.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>

namespace {

using namespace fanout::cli::testing;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

struct line_pair {
  std::string theirs;
  std::string ours;
};

/// The rows of the tables whose second column begins with `program`.
std::vector<line_pair> table_rows_of(const std::string& program) {
  static const std::regex row("\\| [^|`]*\\| `([^`]*)` \\| `([^`]*)` \\|");
  std::ifstream page(FANOUT_DOCS "/from-curl.md");
  std::vector<line_pair> all;
  std::smatch found;
  for (std::string line; std::getline(page, line);)
    if (std::regex_match(line, found, row) && found.str(1).starts_with(program + " "))
      all.push_back({found.str(1), found.str(2)});
  return all;
}

void replace_all(std::string& in, const std::string& what, const std::string& by) {
  for (auto at = in.find(what); at != in.npos; at = in.find(what, at + by.size())) in.replace(at, what.size(), by);
}

struct line_result {
  int status;
  std::string output, errors;
  std::map<std::string, std::string> files;
};

class from_curl : public ::testing::Test {
 protected:
  /// Runs a line of the page in a directory of its own with the files that the page names.
  line_result run(std::string line) {
    const temporary_directory here;
    const std::string port = std::to_string(origin_.port());
    const std::map<std::string, std::string> given{
        {"form.json", "{\"a\":1}\n"},
        {"photo", "not a photo"},
        {"headers.txt", "X-One: 1\r\n\nX-Two: 2\n"},
        {"netrc", "machine localhost login me password secret\n"},
        {"cookies", "# Netscape HTTP Cookie File\nlocalhost\tFALSE\t/\tFALSE\t0\ta\t1\n"},
        {"options", "header = \"X-Option: 1\"\n"},
        {"urls.txt", "# pages\nlocalhost:" + port + "/bytes/9\n\nlocalhost:" + port + "/bytes/8\n"},
        {"urls.jsonl", "{\"url\":\"http://localhost:" + port + "/bytes/9\",\"caption\":\"nine\"}\n"}};
    for (const auto& [name, text] : given) here.write(name, text);
    replace_all(line, "localhost:8080", "localhost:" + port);
    replace_all(line, "a.test:8080", "a.test:" + port);
    if (line.starts_with("fanout ")) line.replace(0, 6, tool);
    child started("/bin/sh", {"-c", "cd '" + (here / "") + "' && exec " + line});
    started.close_input();
    line_result made;
    made.output = started.rest_of_output();
    made.errors = started.rest_of_errors();
    made.status = started.wait();
    for (const auto& each : std::filesystem::recursive_directory_iterator(here / "")) {
      const std::string name = std::filesystem::relative(each.path(), here / "").string();
      if (each.is_regular_file() && !given.contains(name))
        made.files[name] = comparable(read_file(each.path().string()));
    }
    made.output = comparable(made.output);
    return made;
  }

  /// Without what two clients say differently although they do the same: who they are, and boundaries.
  static std::string comparable(std::string text) {
    static const std::regex agent("\"(User-Agent|Accept-Encoding|Content-Length|Expect)\":\"[^\"]*\",?");
    static const std::regex boundary("(boundary=|--)-*[-a-z0-9]{16,}");
    static const std::regex date("(Date|date): [^\r\n]*");
    static const std::regex generated("# [^\n]*\n");
    text = std::regex_replace(text, agent, "");
    text = std::regex_replace(text, date, "Date:");
    text = std::regex_replace(text, generated, "");
    text = std::regex_replace(text, boundary, "$1x");
    if (text.find("\"headers\":{") == text.npos) return text;
    // The order of headers is a client's own.
    boost::system::error_code failed;
    json::value parsed = json::parse(text, failed);
    if (failed) {
      replace_all(text, ",}", "}");
      parsed = json::parse(text, failed);
    }
    if (failed || !parsed.is_object()) return text;
    std::map<std::string, std::string> headers;
    for (const auto& [name, value] : parsed.at("headers").as_object())
      headers[std::string(name)] = std::string(value.as_string());
    std::string made = json::serialize(parsed.at("method")) + json::serialize(parsed.at("target")) +
                       json::serialize(parsed.at("body"));
    for (const auto& [name, value] : headers) made += "\n" + name + ": " + value;
    return made;
  }

  fanout::origin::background origin_;
};

bool is_installed(const char* program) {
  child looking("/bin/sh", {"-c", std::string("command -v ") + program});
  looking.close_input();
  looking.rest_of_output();
  return looking.wait() == 0;
}

TEST_F(from_curl, curl_s_lines_do_as_curl_does) {
  const bool beside = is_installed("curl");
  const auto rows = table_rows_of("curl");
  EXPECT_GE(rows.size(), 50u);
  for (const auto& [theirs, ours] : rows) {
    const line_result as_curl = run("fanout " + theirs);
    EXPECT_EQ(as_curl.status, 0) << theirs << as_curl.errors;
    if (!beside) continue;
    const line_result by_curl = run(theirs);
    if (by_curl.status == 2) continue;  // an option that this curl does not know yet
    EXPECT_EQ(as_curl.status, by_curl.status) << theirs;
    EXPECT_EQ(as_curl.output, by_curl.output) << theirs;
    EXPECT_EQ(as_curl.files, by_curl.files) << theirs;
  }
}

TEST_F(from_curl, our_lines_work) {
  std::size_t count = 0;
  for (const char* program : {"curl", "wget", "aria2c", "img2dataset"}) {
    const auto rows = table_rows_of(program);
    EXPECT_FALSE(rows.empty()) << program;
    for (const auto& [theirs, ours] : rows) {
      ++count;
      ASSERT_TRUE(ours.starts_with("fanout ")) << ours;
      const line_result result = run(ours);
      EXPECT_EQ(result.status, 0) << ours << "\n" << result.errors;
      EXPECT_FALSE(result.output.empty() && result.files.empty()) << ours << " does nothing";
    }
  }
  EXPECT_GE(count, 60u);
}

TEST_F(from_curl, exit_statuses_are_curl_s) {
  for (const auto& [line, status] :
       {std::pair("curl -sf localhost:8080/status/404", 22), std::pair("curl -s localhost:8080/status/404", 0),
        std::pair("curl -s http://127.0.0.1:1/", 7), std::pair("curl -sm 0.2 localhost:8080/never", 28),
        std::pair("curl -sL --max-redirs 1 localhost:8080/redirect/3", 47),
        std::pair("curl -sL --max-redirs 0 localhost:8080/redirect/3", 47),
        std::pair("curl -sL --max-redirs -1 localhost:8080/redirect/3", 0),
        std::pair("curl -s --fail-with-body localhost:8080/status/404", 22),
        std::pair("curl -s -x http://127.0.0.1:1 localhost:8080/", 7),
        std::pair("curl -s --proto =https localhost:8080/bytes/9", 1),
        std::pair("curl -s --proto -all,https localhost:8080/bytes/9", 1),
        std::pair("curl -sL --proto-redir =https localhost:8080/redirect/1", 1),
        std::pair("curl -s --proto =https --proto-redir =http localhost:8080/bytes/9", 1),
        std::pair("curl -s --proto-default https --proto =http localhost:8080/bytes/9", 1),
        std::pair("curl -s foo://localhost/", 1), std::pair("curl -s -Y 1000 -y 1 localhost:8080/never", 28),
        std::pair("curl -s --max-filesize 5 localhost:8080/bytes/100", 63),
        std::pair("curl -s --no-such-option localhost:8080/", 2)}) {
    EXPECT_EQ(run(std::string("fanout ") + line).status, status) << line;
    if (is_installed("curl")) {
      EXPECT_EQ(run(line).status, status) << "curl itself: " << line;
    }
  }
}

TEST_F(from_curl, failures_are_told_unless_silent) {
  EXPECT_THAT(run("fanout curl http://127.0.0.1:1/").errors, HasSubstr("fanout curl: (7) "));
  EXPECT_THAT(run("fanout curl -sS http://127.0.0.1:1/").errors, HasSubstr("fanout curl: (7) "));
  EXPECT_EQ(run("fanout curl -s http://127.0.0.1:1/").errors, "");
  EXPECT_THAT(run("fanout curl --ftp-port x a").errors, HasSubstr("--ftp-port: this option of curl is not supported"));
}

}  // namespace
