// Values on their way between processes: corrupt bytes are told as such.
#include <fanout/process/codec.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace {

using namespace fanout;

template <class T>
std::string encoded(const T& value) {
  std::string bytes;
  detail::encode_value(value, bytes);
  return bytes;
}

template <class T>
void expect_corrupt(const std::string& bytes) {
  try {
    detail::decode_value<T>(bytes);
    ADD_FAILURE() << "it was taken for a value";
  } catch (const error& corrupt) {
    EXPECT_EQ(corrupt.kind(), failure_kind::protocol);
  }
}

TEST(codec, truth_values_travel) {
  const std::vector<bool> values{true, false, true};
  EXPECT_EQ(detail::decode_value<std::vector<bool>>(encoded(values)), values);
  EXPECT_EQ(detail::decode_value<std::optional<bool>>(encoded(std::optional(false))), std::optional(false));
}

TEST(codec, a_byte_that_is_no_truth_value_is_corrupt) {
  expect_corrupt<bool>("\x02");
  expect_corrupt<std::optional<int>>(std::string("\xff\0\0\0\0", 5));
}

TEST(codec, an_alternative_a_variant_has_not_is_corrupt) {
  using either = std::variant<int, std::string>;
  EXPECT_EQ(detail::decode_value<either>(encoded(either("text"))), either("text"));
  auto bytes = encoded(either(7));
  bytes[0] = 2;
  expect_corrupt<either>(bytes);
}

TEST(codec, a_size_beyond_the_bytes_there_are_is_not_allocated) {
  expect_corrupt<std::vector<std::string>>(encoded(std::uint64_t{1} << 60));
  expect_corrupt<std::string>(encoded(std::uint64_t{1} << 60));
}

}  // namespace
