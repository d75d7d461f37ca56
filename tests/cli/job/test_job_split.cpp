#include <fanout/fetch/shard.hpp>

#include "cli/child.hpp"
#include "cli/job/job_split.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace {

using namespace fanout::cli;
using ::testing::HasSubstr;

TEST(job_split, finds_the_host_of_a_line) {
  EXPECT_EQ(host_of_line("http://example.org"), "example.org");
  EXPECT_EQ(host_of_line("https://user:word@Example.org:8080/a@b?c#d"), "Example.org");
  EXPECT_EQ(host_of_line("example.org:80/x"), "example.org");
  EXPECT_EQ(host_of_line("http://[::1]:80/x"), "[::1]");
  EXPECT_EQ(host_of_line("http://[::1"), "[::1");
  EXPECT_EQ(host_of_line("http://example.org?query"), "example.org");
  EXPECT_EQ(host_of_line(R"({"id": 1, "url": "http://example.org/x"})"), "example.org");
  for (const char* none : {"", "http://", "http:///x", "{", R"({"uri": "x"})", R"({"url": 1})", "[]"})
    EXPECT_THAT(host_of_line(none), ::testing::AnyOf("", "[]")) << none;
}

class job_split_of_files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "fanout-split-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string file(const std::string& name) const { return directory_ + "/" + name; }
  std::string read(const std::string& name) const {
    std::ifstream from(file(name));
    std::ostringstream text;
    text << from.rdbuf();
    return text.str();
  }
  std::string directory_;
};

TEST_F(job_split_of_files, every_line_is_in_the_shard_of_its_host) {
  std::stringstream list;
  list << "# hosts\n\n";
  for (int n = 0; n < 1000; ++n) list << "http://www" << n % 50 << ".example/" << n << (n % 2 == 0 ? "\r\n" : "\n");
  list << "http://last.example/";  // without a line break
  const split_counts counts = split_list(list, file("list-{index}"), 7);
  EXPECT_EQ(counts.lines, 1001u);
  std::uint64_t lines = 0, largest = 0;
  for (std::uint32_t shard = 0; shard < 7; ++shard) {
    std::ifstream part(file("list-" + std::to_string(shard)));
    std::uint64_t own = 0;
    for (std::string line; std::getline(part, line); ++own) {
      EXPECT_EQ(fanout::fetch::shard_of(host_of_line(line), 7), shard) << line;
      EXPECT_NE(line.back(), '\r');
    }
    lines += own;
    largest = std::max(largest, own);
  }
  EXPECT_EQ(lines, 1001u);
  EXPECT_EQ(counts.largest, largest);
}

TEST_F(job_split_of_files, a_pattern_or_a_place_that_cannot_be_is_refused) {
  std::istringstream list("http://a/\n");
  EXPECT_THROW(split_list(list, file("list"), 2), std::invalid_argument);
  EXPECT_THROW(split_list(list, file("nowhere/{index}"), 2), std::system_error);
}

TEST_F(job_split_of_files, a_list_that_is_no_text_is_refused) {
  for (const char* beginning :
       {"\x1f\x8b\x08", "\x28\xb5\x2f\xfd$", "SQLite format 3", "<?xml version='1.0'?>\n<urlset/>"}) {
    std::istringstream list(beginning);
    EXPECT_THROW(split_list(list, file("{index}"), 2), std::invalid_argument) << beginning;
  }
}

TEST_F(job_split_of_files, the_command_reads_files_and_standard_input) {
  std::ofstream(file("urls")) << "http://a/1\nhttp://b/1\n";
  fanout::cli::testing::child from_file(FANOUT_CLI,
                                        {"job", "split", "--shards", "2", "-o", file("f{index}"), file("urls")});
  EXPECT_EQ(from_file.wait(), 0);
  fanout::cli::testing::child from_input(FANOUT_CLI, {"job", "split", "--shards", "2", "-o", file("i{index}"), "-"});
  from_input.write_input("http://a/1\nhttp://b/1\n");
  from_input.close_input();
  EXPECT_EQ(from_input.wait(), 0);
  for (const char* shard : {"0", "1"}) EXPECT_EQ(read(std::string("f") + shard), read(std::string("i") + shard));
  EXPECT_EQ(read("f0").size() + read("f1").size(), 22u);
  fanout::cli::testing::child missing(FANOUT_CLI,
                                      {"job", "split", "--shards", "2", "-o", file("{index}"), file("none")});
  EXPECT_THAT(missing.rest_of_errors(), HasSubstr("none"));
  EXPECT_EQ(missing.wait(), 2);
}

}  // namespace
