#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include "fetch/encoding/gzip_members.hpp"
#include "fetch/records/archive_heads.hpp"
#include "fetch/records/archive_walk.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::ElementsAre;
using ::testing::SizeIs;

/// What an archive has, with the payloads of its responses.
struct seen_archive final : archive_visitor {
  std::vector<archive_unit> units;
  std::vector<std::string> payloads;
  std::size_t largest_piece = 0;
  block_payload payload;
  bool of_response = false;

  void record(std::string_view fields) override {
    of_response = field_in(fields, "WARC-Type") == "response";
    payload = {};
    if (of_response) payloads.emplace_back();
  }
  void block(std::string_view piece) override {
    largest_piece = std::max(largest_piece, piece.size());
    if (of_response) payloads.back() += payload.of(piece);
  }
  void unit(const archive_unit& whole) override { units.push_back(whole); }
};

std::string random_bytes(std::size_t size) {
  std::mt19937_64 engine(size);
  std::string bytes(size, '\0');
  for (char& each : bytes) each = static_cast<char>(engine());
  return bytes;
}

class archive_walks : public ::testing::TestWithParam<record_format> {
 protected:
  void add(const std::string& payload, warc_fields fields) {
    encoder_.append(
        bytes_,
        {.url = "http://a/", .date = std::chrono::system_clock::now(), .payload = payload, .metadata = &fields});
    ends_.push_back(bytes_.size());
  }
  void add_head() {
    encoder_.append_info(bytes_, {{"software", "fanout"}}, std::chrono::system_clock::now());
    ends_.push_back(bytes_.size());
  }
  std::uint64_t walk(std::string_view bytes) {
    seen_ = {};
    return walk_archive(directory_.write("pages", std::string(bytes)), GetParam(), 0, bytes.size(), seen_);
  }

  std::string bytes_;
  std::vector<std::uint64_t> ends_{0};
  warc_encoder encoder_{{.gzip = GetParam() == record_format::warc_gzip}};
  seen_archive seen_;
  temporary_directory directory_{fanout_test::memory_path()};
};

TEST_P(archive_walks, visit_each_exchange_with_its_place_and_mark) {
  add_head();
  add("one", {{"fanoutIndex", "0"}});
  add("", {{"fanoutIndex", "7"}, {"fanoutError", "status: 404"}});
  EXPECT_EQ(walk(bytes_), bytes_.size());
  ASSERT_THAT(seen_.units, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(seen_.units[i].begin, ends_[i]);
    EXPECT_EQ(seen_.units[i].end, ends_[i + 1]);
  }
  EXPECT_FALSE(seen_.units[0].mark);
  EXPECT_EQ(seen_.units[1].mark, (record_mark{0, false}));
  EXPECT_EQ(seen_.units[2].mark, (record_mark{7, true}));
  EXPECT_THAT(seen_.payloads, ElementsAre("one", ""));
}

TEST_P(archive_walks, end_with_the_last_whole_exchange_wherever_the_file_is_cut) {
  add_head();
  add("a page", {{"fanoutIndex", "0"}});
  add("another page", {{"fanoutIndex", "1"}});
  for (std::size_t size = 0; size <= bytes_.size(); ++size) {
    const auto whole = std::upper_bound(ends_.begin(), ends_.end(), size) - 1;
    ASSERT_EQ(walk(std::string_view(bytes_).substr(0, size)), *whole) << size;
    ASSERT_THAT(seen_.units, SizeIs(static_cast<std::size_t>(whole - ends_.begin()))) << size;
  }
}

TEST_P(archive_walks, end_before_what_is_damaged) {
  add("a page", {{"fanoutIndex", "0"}});
  add(random_bytes(3000), {{"fanoutIndex", "1"}});
  std::string damaged = bytes_;
  const std::size_t at = ends_[1] + (GetParam() == record_format::warc ? damaged.substr(ends_[1]).find("Length") : 700);
  damaged[at] = static_cast<char>(damaged[at] + 1);
  EXPECT_EQ(walk(damaged), ends_[1]);
  EXPECT_EQ(walk(bytes_ + "nonsense"), bytes_.size());
}

// Larger than what is read at once, packed or only unpacked; the second cannot be packed.
TEST_P(archive_walks, pass_on_large_payloads_in_pieces) {
  const std::string even(20U << 20, 'x');
  const std::string random = random_bytes(9U << 20);
  add(even, {{"fanoutIndex", "0"}});
  add(random, {{"fanoutIndex", "1"}});
  add("small", {{"fanoutIndex", "2"}});
  EXPECT_EQ(walk(bytes_), bytes_.size());
  ASSERT_THAT(seen_.payloads, SizeIs(3));
  EXPECT_TRUE(seen_.payloads[0] == even);
  EXPECT_TRUE(seen_.payloads[1] == random);
  EXPECT_EQ(seen_.payloads[2], "small");
  EXPECT_LE(seen_.largest_piece, 4U << 20);
  EXPECT_EQ(walk(std::string_view(bytes_).substr(0, ends_[2] - 1)), ends_[1]);
}

INSTANTIATE_TEST_SUITE_P(formats, archive_walks, ::testing::Values(record_format::warc, record_format::warc_gzip),
                         [](const auto& of) { return of.param == record_format::warc ? "warc" : "warc_gzip"; });

TEST(archive_walk, of_a_file_that_is_not_there_finds_nothing) {
  temporary_directory directory{fanout_test::memory_path()};
  seen_archive seen;
  EXPECT_EQ(walk_archive(directory / "none", record_format::warc, 0, 5, seen), 0U);
  EXPECT_THROW(walk_archive(directory / "", record_format::warc, 0, 5, seen), output_error);
}

TEST(archive_walk, a_gzip_member_is_one_record) {
  temporary_directory directory{fanout_test::memory_path()};
  std::string info, packed;
  warc_encoder({.gzip = false}).append_info(info, {{"software", "fanout"}}, std::chrono::system_clock::now());
  gzip_members gzip;
  gzip.append(packed, info);
  const std::size_t first = packed.size();
  gzip.append(packed, info + info);
  seen_archive seen;
  EXPECT_EQ(walk_archive(directory.write("pages", packed), record_format::warc_gzip, 0, packed.size(), seen), first);
  EXPECT_THAT(seen.units, SizeIs(1));
}

TEST(archive_walk, payload_of_a_block_begins_behind_the_first_empty_line) {
  const std::string block = "HTTP/1.1 200 OK\r\nA: b\r\r\n\r\npay\r\n\r\nload";
  for (std::size_t cut = 0; cut <= block.size(); ++cut) {
    block_payload payload;
    std::string found(payload.of(std::string_view(block).substr(0, cut)));
    found += payload.of(std::string_view(block).substr(cut));
    EXPECT_EQ(found, "pay\r\n\r\nload") << cut;
  }
}

}  // namespace
