#include <fanout/fetch/rare_text.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

namespace {

using fanout::fetch::rare;
using fanout::fetch::rare_text;

static_assert(sizeof(rare_text) == sizeof(void*));
static_assert(sizeof(rare<std::string>) == sizeof(void*));

TEST(rare_text, reads_as_a_string) {
  rare_text text;
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text, "");
  EXPECT_EQ(text.size(), 0u);
  text = "a text";
  EXPECT_FALSE(text.empty());
  EXPECT_EQ(text, "a text");
  EXPECT_EQ(text.size(), 6u);
  EXPECT_TRUE(text.ends_with("xt"));
  const std::string copy = text;
  const std::string_view view = text;
  EXPECT_EQ(copy, view);
  text = std::string();
  EXPECT_TRUE(text.empty());
}

TEST(rare_text, can_be_appended_to_and_taken_away) {
  rare_text text;
  text += "";
  EXPECT_TRUE(text.empty());
  text += "one ";
  text += "two";
  EXPECT_EQ(text, "one two");
  EXPECT_EQ(text.take(), "one two");
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.take(), "");
}

TEST(rare_text, copies_are_deep) {
  rare_text first = "of the first";
  rare_text second = first;
  first += " alone";
  EXPECT_EQ(second, "of the first");
  second = std::move(first);
  EXPECT_EQ(second, "of the first alone");
  const rare_text& itself = second;
  second = itself;
  EXPECT_EQ(second, "of the first alone");
}

TEST(rare_text, a_value_is_there_or_not_as_with_an_optional) {
  rare<std::pair<int, int>> value;
  EXPECT_FALSE(value.has_value());
  EXPECT_EQ(value.value_or({1, 2}), std::pair(1, 2));
  value.emplace(3, 4);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->second, 4);
  const rare<std::pair<int, int>> copy = value;
  value->second = 5;
  EXPECT_EQ(*copy, std::pair(3, 4));
  value.reset();
  EXPECT_FALSE(value);
}

/// What a codec does: first it counts, then it reads what was counted.
struct recording {
  std::string texts;
  std::string bits;
  std::size_t next = 0;
  bool reads = false;
  void operator()(bool& bit) {
    if (reads)
      bit = bits[next++] == '1';
    else
      bits += bit ? '1' : '0';
  }
  void operator()(std::string& text) { reads ? void(text = texts) : void(texts = text); }
  template <class T>
  void operator()(rare<T>& value) {
    value.serialize(*this);
  }
};

TEST(rare_text, travels) {
  for (const char* const sent : {"", "a text"}) {
    recording archive;
    rare_text text = sent;
    text.serialize(archive);
    archive.reads = true;
    rare_text got = "of the one before";
    got.serialize(archive);
    EXPECT_EQ(got, sent);
  }
}

// As a peer might send it: a text that is there, and has no bytes.
TEST(rare_text, is_empty_whatever_way_it_came_to_be) {
  recording archive;
  archive.bits = "1";
  archive.reads = true;
  rare_text got = "of the one before";
  got.serialize(archive);
  EXPECT_TRUE(got.empty());
  EXPECT_EQ(got, rare_text());
}

}  // namespace
