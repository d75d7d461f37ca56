#include "fetch/records/record_scan.hpp"
#include "fetch/records/record_support.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace {

using namespace fanout::fetch;
using fanout_test::add_record;
using fanout_test::read_file;
using fanout_test::temporary_directory;

class record_scan : public ::testing::TestWithParam<record_format> {
 protected:
  /// Records 0, 1 (failed) and 2, and where each of them ends.
  std::string made() {
    const std::string path = directory_ / "records";
    record_file file(path, GetParam(), {});
    for (std::uint64_t i = 0; i < 3; ++i) {
      add_record(file, i, i == 1);
      ends_.push_back(std::filesystem::file_size(path + ".part"));
    }
    file.close();
    return path;
  }
  temporary_directory directory_{fanout_test::memory_path()};
  std::vector<std::uint64_t> ends_;
};

TEST_P(record_scan, whole_records_are_found_however_the_file_is_cut) {
  const std::string bytes = read_file(made());
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string cut = directory_.write("cut", bytes.substr(0, size));
    std::vector<record_mark> found;
    const auto end = scan_records(cut, GetParam(), 0, [&](record_mark each) { found.push_back(each); });
    std::vector<record_mark> whole;
    for (std::size_t i = 0; i < ends_.size() && ends_[i] <= size; ++i) whole.push_back({i, i == 1});
    EXPECT_EQ(found, whole) << size;
    EXPECT_LE(end, size);
    if (!whole.empty()) {
      EXPECT_EQ(end, ends_[whole.size() - 1]) << size;
    }
  }
}

TEST_P(record_scan, it_begins_where_it_is_told) {
  const std::string path = made();
  std::vector<record_mark> found;
  EXPECT_EQ(scan_records(path, GetParam(), ends_[0], [&](record_mark each) { found.push_back(each); }), ends_[2]);
  EXPECT_EQ(found, (std::vector<record_mark>{{1, true}, {2, false}}));
}

TEST_P(record_scan, a_byte_that_was_changed_ends_it) {
  std::string bytes = read_file(made());
  // Of the second record: plain text has no checksum, so where its structure is.
  bytes[ends_[0] + 1] = static_cast<char>(bytes[ends_[0] + 1] ^ 0x15);
  std::vector<record_mark> found;
  EXPECT_EQ(
      scan_records(directory_.write("bad", bytes), GetParam(), 0, [&](record_mark each) { found.push_back(each); }),
      ends_[0]);
  EXPECT_EQ(found.size(), 1u);
}

TEST_P(record_scan, a_copy_without_some) {
  const std::string path = made();
  done_set without;
  without.insert(1);
  std::vector<record_mark> kept;
  const std::string copy = directory_ / "copy";
  const auto size = copy_records(path, GetParam(), without, copy, [&](record_mark each) { kept.push_back(each); });
  EXPECT_EQ(size, std::filesystem::file_size(copy));
  EXPECT_EQ(kept, (std::vector<record_mark>{{0, false}, {2, false}}));
  EXPECT_EQ(fanout_test::records_in(copy, GetParam()).size(), 2u);
}

TEST(record_scan_test, records_of_one_unit_are_told_apart) {
  const temporary_directory directory;
  const std::string path = directory / "records.gz";
  {
    record_file file(path, record_format::gzip_lines, {.interval = std::chrono::hours(1)});
    for (std::uint64_t i = 0; i < 4; ++i)
      file.add({i}, [i](std::string& text) { text += "{\"index\":" + std::to_string(i) + ",\"error\":null}\n"; });
    file.close();
  }
  done_set without;
  without.insert(0);
  without.insert(2);
  copy_records(path, record_format::gzip_lines, without, directory / "copy", [](record_mark) {});
  const auto left = fanout_test::records_in(directory / "copy", record_format::gzip_lines);
  EXPECT_EQ(left.size(), 2u);
  EXPECT_TRUE(left.contains(1) && left.contains(3));
}

TEST(record_scan_test, no_file_is_an_empty_one) {
  EXPECT_EQ(scan_records("/nonexistent/records", record_format::lines, 5, [](record_mark) { FAIL(); }), 0u);
}

INSTANTIATE_TEST_SUITE_P(formats, record_scan, ::testing::ValuesIn(fanout_test::all_formats),
                         [](const auto& of) { return "f" + std::to_string(static_cast<int>(of.param)); });

}  // namespace
