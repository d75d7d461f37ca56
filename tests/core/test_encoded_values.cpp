#include <fanout/core/detail/encoded_values.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::detail {
namespace {

encoded_values of(const std::vector<std::string>& texts) {
  encoded_values all;
  for (const std::string& each : texts) {
    all.open() += each;
    EXPECT_TRUE(all.close());
  }
  return all;
}
std::vector<std::string> texts(const encoded_view& all) {
  std::vector<std::string> got;
  for (std::uint32_t i = 0; i < all.count(); ++i) got.emplace_back(all[i]);
  return got;
}
std::string written(const encoded_values& all) {
  std::string payload;
  all.append_to(payload);
  return payload;
}

TEST(encoded_values, of_one_size_need_no_table) {
  const auto all = of({"ab", "cd", "ef"});
  EXPECT_EQ(all.each(), 2U);
  EXPECT_EQ(written(all), "abcdef");
}

TEST(encoded_values, are_read_back_whatever_their_sizes) {
  for (const std::vector<std::string>& given : std::vector<std::vector<std::string>>{
           {"only"}, {""}, {"", "", ""}, {"a", "bc", "", "def"}, {"ab", "cd", "e"}, {"", "a"}}) {
    const auto all = of(given);
    const std::string payload = written(all) + "what follows";
    std::string_view rest = payload;
    const auto view = encoded_view::take(rest, all.count(), all.each());
    ASSERT_TRUE(view);
    EXPECT_EQ(texts(*view), given);
    EXPECT_EQ(rest, "what follows");
    EXPECT_EQ(texts(all.view()), given);
  }
}

TEST(encoded_values, that_are_cut_short_or_out_of_order_are_refused) {
  const auto all = of({"a", "bc", "def"});
  const std::string payload = written(all);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    std::string_view cut(payload.data(), size);
    EXPECT_FALSE(encoded_view::take(cut, all.count(), all.each())) << size;
  }
  std::string backwards = payload;
  std::swap(backwards[0], backwards[4]);  // the first value ends behind the second
  std::string_view rest = backwards;
  EXPECT_FALSE(encoded_view::take(rest, all.count(), all.each()));
  std::string_view few = "abc";
  EXPECT_FALSE(encoded_view::take(few, 4, 1));
  std::string_view huge = "abc";
  EXPECT_FALSE(encoded_view::take(huge, ~0U, 0x7fffffffU));
}

TEST(encoded_values, have_parts) {
  const auto all = of({"a", "bc", "", "def", "g"});
  EXPECT_EQ(texts(all.slice(1, 4).view()), (std::vector<std::string>{"bc", "", "def"}));
  EXPECT_EQ(texts(all.slice(2, 2).view()), std::vector<std::string>{});
  EXPECT_EQ(all.bytes(1, 4), 5U);
  EXPECT_EQ(all.bytes(), 7U);
  encoded_values more = of({"x"});
  more.append(all.view(), 3, 5);
  EXPECT_EQ(texts(more.view()), (std::vector<std::string>{"x", "def", "g"}));
}

TEST(encoded_values, forget_a_value_that_was_not_closed) {
  auto all = of({"ab"});
  all.open() += "half of";
  all.abandon();
  EXPECT_EQ(texts(all.view()), std::vector<std::string>{"ab"});
  const char numbers[] = "cdef";
  all.append(numbers, 2, 2);
  EXPECT_EQ(texts(all.view()), (std::vector<std::string>{"ab", "cd", "ef"}));
}

struct letter_task {
  static constexpr bool plain_input = false;
  void encode(const std::string& item, std::string& bytes) const {
    bytes += item;
    if (item == "throws") throw std::runtime_error("no");
  }
};

TEST(input_appender, forgets_an_input_that_cannot_be_encoded) {
  encoded_values all;
  input_appender<letter_task> inputs(all);
  EXPECT_TRUE(inputs.add({}, std::string("a")));
  EXPECT_THROW(inputs.add({}, std::string("throws")), std::runtime_error);
  EXPECT_TRUE(inputs.add({}, std::string("b")));
  EXPECT_EQ(inputs.count(), 2U);
  EXPECT_EQ(texts(all.view()), (std::vector<std::string>{"a", "b"}));
}

struct number_task {
  static constexpr bool plain_input = true;
  using input_type = std::uint32_t;
};

TEST(input_appender, of_numbers_counts_those_that_wait_for_their_chunk) {
  encoded_values all;
  input_appender<number_task> inputs(all);
  for (std::uint32_t i = 0; i < 300; ++i) inputs.add({}, i);
  EXPECT_EQ(inputs.count(), 300U);
  EXPECT_EQ(inputs.bytes(), 1200U);
  inputs.flush();
  ASSERT_EQ(all.count(), 300U);
  EXPECT_EQ(all.each(), 4U);
  std::uint32_t last = 0;
  std::memcpy(&last, all[299].data(), sizeof last);
  EXPECT_EQ(last, 299U);
  inputs.add({}, 300U);
  EXPECT_EQ(inputs.drop_waiting(), 1U);
  EXPECT_EQ(inputs.count(), 300U);
}

}  // namespace
}  // namespace fanout::detail
