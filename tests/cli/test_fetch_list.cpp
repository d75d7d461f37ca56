// The main job: a list of URLs, whole and byte for byte, under every shape.

#include "cli/fetch_support.hpp"
#include "support/leaks.hpp"
#include "support/nginx.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace {

using namespace fanout::cli::testing;
using fanout_test::nginx;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

constexpr int urls_in_list = 1000;

std::size_t size_of(int index) {
  if (index % 250 == 100) return 1 << 20;
  if (index % 10 == 9) return 64 << 10;
  constexpr std::size_t sizes[] = {0, 1, 17, 4 << 10, 4097};
  return sizes[index % 5];
}

class fetch_list : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    files_ = std::make_unique<temporary_directory>();
    std::mt19937_64 generator(1);
    std::string list;
    for (int i = 0; i < urls_in_list; ++i) {
      std::string bytes(size_of(i), '\0');
      for (char& each : bytes) each = static_cast<char>(generator());
      files_->write(std::to_string(i), bytes);
    }
    server_ = std::make_unique<nginx>(files_->path());
    for (int i = 0; i < urls_in_list; ++i) list += server_->url("/" + std::to_string(i)) + "\n";
    files_->write("list", list);
  }
  static void TearDownTestSuite() {
    server_.reset();
    files_.reset();
  }

  static std::unique_ptr<temporary_directory> files_;
  static std::unique_ptr<nginx> server_;
};

std::unique_ptr<temporary_directory> fetch_list::files_;
std::unique_ptr<nginx> fetch_list::server_;

TEST_P(fetch_list, a_thousand_urls_come_back_whole) {
  const temporary_directory here;
  const std::string bodies = here / "bodies/";
  const ended result = fetch({"-i", *files_ / "list", "-o", bodies, "-s", GetParam(), "--summary", here / "summary"});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("1000 fetched, 0 failed"));
  const auto all = records(result.output);
  ASSERT_EQ(all.size(), std::size_t{urls_in_list});
  std::uint64_t bytes = 0;
  for (const auto& [index, record] : all) {
    const int number = static_cast<int>(index);
    ASSERT_LT(number, urls_in_list);
    EXPECT_EQ(text_of(record, "url"), server_->url("/" + std::to_string(number)));
    EXPECT_EQ(number_of(record, "status"), 200u);
    EXPECT_EQ(number_of(record, "bytes"), size_of(number));
    EXPECT_EQ(number_of(record, "attempts"), 1u);
    EXPECT_TRUE(record.at("error").is_null());
    EXPECT_TRUE(read_file(bodies + text_of(record, "file")) == read_file(*files_ / std::to_string(number))) << number;
    bytes += size_of(number);
  }
  EXPECT_EQ(records(read_file(bodies + "records.jsonl")).size(), std::size_t{urls_in_list});
  EXPECT_EQ(fanout::test::count_entries(bodies.c_str()), std::size_t{urls_in_list} + 2);  // and the journal
  const json::object summary = json::parse(read_file(here / "summary")).as_object();
  EXPECT_EQ(number_of(summary, "tasks"), std::uint64_t{urls_in_list});
  EXPECT_EQ(number_of(summary, "bytes"), bytes);
}

INSTANTIATE_TEST_SUITE_P(shapes, fetch_list,
                         ::testing::Values("sync", "threads:8", "async:64", "processes:3", "hybrid:16", "2x2x4",
                                           "auto"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

}  // namespace
