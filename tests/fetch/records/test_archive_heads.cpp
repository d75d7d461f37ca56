#include "fetch/records/archive_heads.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace fanout::fetch;

std::string record_of(const std::string& type, const std::string& block) {
  return "WARC/1.1\r\nWARC-Type: " + type + "\r\ncontent-length: " + std::to_string(block.size()) + "\r\n\r\n" + block +
         "\r\n\r\n";
}

TEST(archive_heads, records_in_pieces_of_any_size) {
  const std::string large = "HTTP/1.1 200 OK\r\n\r\n" + std::string(600'000, 'x') + "WARC/1.1\r\n";
  const std::string all = record_of("warcinfo", "a: b\r\n") + record_of("response", large) + record_of("metadata", "");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, all.size()}) {
    std::vector<std::string> types;
    std::size_t block = 0;
    archive_heads heads([&](const archive_head& each) {
      types.emplace_back(field_in(each.fields, "warc-type"));
      block = std::max(block, each.block.size());
    });
    for (std::size_t at = 0; at < all.size(); at += piece) heads.feed(std::string_view(all).substr(at, piece));
    EXPECT_EQ(types, (std::vector<std::string>{"warcinfo", "response", "metadata"})) << piece;
    EXPECT_EQ(block, 256u * 1024u);
  }
}

TEST(archive_heads, what_is_no_archive) {
  archive_heads heads([](const archive_head&) {});
  EXPECT_THROW(heads.feed("<html>"), std::runtime_error);
  archive_heads unsized([](const archive_head&) {});
  EXPECT_THROW(unsized.feed("WARC/1.1\r\nA: b\r\n\r\n"), std::runtime_error);
}

TEST(archive_heads, fields) {
  EXPECT_EQ(field_in("A: b\r\nETag:  \"x\" \r\n", "etag"), "\"x\"");
  EXPECT_EQ(field_in("A: b\r\n", "etag"), "");
  EXPECT_EQ(field_in("A:\r\n", "a"), "");
}

}  // namespace
