#include <fanout/http/headers.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace {

using fanout::http::headers;
using testing::ElementsAre;

std::string text(const headers& all) {
  std::string result;
  for (const auto& [name, value] : all) result.append(name).append("=").append(value).append(";");
  return result;
}

TEST(headers, keep_order_and_repetitions) {
  headers all{{"B", "1"}, {"A", "2"}};
  all.add("b", "3");
  EXPECT_EQ(text(all), "B=1;A=2;b=3;");
  EXPECT_EQ(all.size(), 3u);
  EXPECT_THAT(all.get_all("B"), ElementsAre("1", "3"));
}

TEST(headers, names_compare_without_case_and_values_do_not) {
  const headers all{{"Content-Type", "Text/HTML"}};
  EXPECT_EQ(all["content-TYPE"], "Text/HTML");
  EXPECT_TRUE(all.contains("CONTENT-TYPE"));
  EXPECT_FALSE(all.contains("Content-Typ"));
  EXPECT_EQ(all["x"], "");
}

TEST(headers, set_replaces_all_of_a_name) {
  headers all{{"a", "1"}, {"b", "2"}, {"A", "3"}};
  all.set("a", all["b"]);
  EXPECT_EQ(text(all), "b=2;a=2;");
}

TEST(headers, the_last_field_is_continued_after_a_blank) {
  headers all{{"a", "1"}, {"b", ""}};
  all.continue_last("2");
  EXPECT_EQ(text(all), "a=1;b=2;");
  all.continue_last("");
  all.continue_last(all["a"]);
  all.add("c", "3");
  EXPECT_EQ(text(all), "a=1;b=2 1;c=3;");
}

TEST(headers, remove_counts) {
  headers all{{"a", "1"}, {"b", "2"}, {"A", "3"}};
  EXPECT_EQ(all.remove("a"), 2u);
  EXPECT_EQ(all.remove("a"), 0u);
  EXPECT_EQ(text(all), "b=2;");
  all.clear();
  EXPECT_TRUE(all.empty());
}

TEST(headers, an_empty_value_is_not_a_missing_one) {
  const headers all{{"a", ""}};
  EXPECT_TRUE(all.contains("a"));
  EXPECT_EQ(all["a"], "");
}

}  // namespace
