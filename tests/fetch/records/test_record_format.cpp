#include <fanout/fetch/record_format.hpp>

#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;

TEST(record_format, the_end_of_the_name_says_it) {
  EXPECT_EQ(record_format_of("a.jsonl"), record_format::lines);
  EXPECT_EQ(record_format_of("a"), record_format::lines);
  EXPECT_EQ(record_format_of("a.jsonl.gz"), record_format::gzip_lines);
  EXPECT_EQ(record_format_of("a.jsonl.zst"), record_format::zstd_lines);
  EXPECT_EQ(record_format_of("a.warc"), record_format::warc);
  EXPECT_EQ(record_format_of("dir/a.warc.gz"), record_format::warc_gzip);
  EXPECT_EQ(to_string(record_format::warc_gzip), "WARC in gzip members");
}

TEST(record_format, a_name_and_what_follows_it) {
  const auto split = [](std::string_view path) {
    const auto both = split_record_name(path);
    return std::string(both.stem) + "|" + std::string(both.extension);
  };
  EXPECT_EQ(split("pages.jsonl.gz"), "pages|.jsonl.gz");
  EXPECT_EQ(split("some.dir/pages"), "some.dir/pages|");
  EXPECT_EQ(split("some.dir/pages.gz"), "some.dir/pages|.gz");
  EXPECT_EQ(split("pages.2026.warc.gz"), "pages.2026|.warc.gz");
  EXPECT_EQ(split(".hidden"), ".hidden|");
}

}  // namespace
