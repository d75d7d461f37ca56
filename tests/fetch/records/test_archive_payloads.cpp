#include <fanout/fetch/record_file.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include "fetch/records/archive_payloads.hpp"
#include "fetch/records/record_scan.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;

class archive_payloads : public ::testing::TestWithParam<record_format> {
 protected:
  /// Appends an exchange with this payload and returns the record of the response.
  warc_encoder::appended add(const std::string& payload, warc_fields fields = {{"fanoutIndex", "0"}}) {
    return encoder_.append(bytes_, {.url = "http://a/" + std::to_string(bytes_.size()),
                                    .date = std::chrono::system_clock::now(),
                                    .payload = payload,
                                    .metadata = &fields});
  }
  std::optional<stored_payload> find(const std::string& payload) const {
    return stored_.find(warc_encoder::payload_digest(payload));
  }
  std::uint64_t read(std::uint64_t most = std::uint64_t{1} << 30) {
    return read_stored_payloads(directory_.write("pages", bytes_), GetParam(), bytes_.size(), stored_, most);
  }

  std::string bytes_;
  warc_encoder encoder_{{.gzip = GetParam() == record_format::warc_gzip}};
  stored_payloads stored_;
  temporary_directory directory_{fanout_test::memory_path()};
};

TEST_P(archive_payloads, are_those_of_responses_that_a_run_remembers_itself) {
  encoder_.append_info(bytes_, {{"software", "fanout"}}, std::chrono::system_clock::now());
  const std::string url = "http://a/" + std::to_string(bytes_.size());
  const auto first = add("a page");
  add("a page of an error", {{"fanoutIndex", "1"}, {"fanoutError", "status: 404"}});
  add("");
  const warc_fields fields{{"fanoutIndex", "3"}};
  encoder_.append(bytes_, {.url = "http://a/", .date = {}, .payload = "a redirect"});  // without metadata
  encoder_.append(bytes_, {.url = "http://a/",
                           .date = {},
                           .payload = "a beginning",
                           .truncated = warc_truncated::length,
                           .metadata = &fields});
  encoder_.append_revisit(bytes_, {.url = "http://a/", .date = {}, .payload = "another", .metadata = &fields}, {});
  EXPECT_EQ(read(), 1U);
  const auto found = find("a page");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->record_id, first.record_id);
  EXPECT_EQ(found->url, url);
  EXPECT_EQ(found->date, first.date);
  for (const char* other : {"a page of an error", "a redirect", "a beginning", "another"})
    EXPECT_FALSE(find(other)) << other;
}

TEST_P(archive_payloads, of_a_file_that_is_not_there_or_torn) {
  EXPECT_EQ(read_stored_payloads(directory_ / "none", GetParam(), 5, stored_), 0U);
  add("a page");
  add("the last page");
  bytes_.resize(bytes_.size() - 10);
  EXPECT_EQ(read(), 1U);
}

TEST_P(archive_payloads, of_a_large_archive_the_end_is_read) {
  std::vector<std::string> pages;
  for (int i = 0; i < 50; ++i) add(pages.emplace_back("page " + std::to_string(i)));
  const std::uint64_t tail = bytes_.size() / 4;
  const std::uint64_t found = read(tail);
  EXPECT_TRUE(find(pages.back()));
  if (GetParam() == record_format::warc) return;  // it is read whole: where a record begins is not to be seen
  EXPECT_GT(found, 5U);
  EXPECT_LT(found, 20U);
  EXPECT_FALSE(find(pages.front()));
}

// Whoever sends an archive as a page does not say what this archive has.
TEST_P(archive_payloads, of_an_archive_within_an_archive_are_not_its_own) {
  std::string inner;
  warc_encoder others({.gzip = true});
  const warc_fields fields{{"fanoutIndex", "0"}};
  for (int i = 0; i < 30; ++i)
    others.append(inner, {.url = "http://b/", .date = {}, .payload = "told " + std::to_string(i), .metadata = &fields});
  add("before");
  add(inner);
  const std::uint64_t tail = bytes_.size() / 2;
  add("behind");
  ASSERT_LT(find_archive_member(directory_.write("pages", bytes_), bytes_.size() - tail, bytes_.size()), bytes_.size());
  read(tail);
  EXPECT_TRUE(find("behind"));
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(find("told " + std::to_string(i)));
}

INSTANTIATE_TEST_SUITE_P(formats, archive_payloads, ::testing::Values(record_format::warc, record_format::warc_gzip),
                         [](const auto& of) { return of.param == record_format::warc ? "warc" : "warc_gzip"; });

}  // namespace
