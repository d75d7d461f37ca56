#include "fetch/encoding/zstd_frames.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::vector<std::string> frames_of(std::string_view packed) {
  std::vector<std::string> parts;
  while (!packed.empty()) {
    const auto size = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
    if (ZSTD_isError(size) != 0) throw std::runtime_error("a frame is not whole");
    std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
    if (ZSTD_decompress(text.data(), text.size(), packed.data(), size) != text.size())
      throw std::runtime_error("a frame is damaged");
    parts.push_back(text);
    packed.remove_prefix(size);
  }
  return parts;
}

TEST(zstd_frames, are_whole_each_by_itself) {
  fanout::fetch::zstd_frames zstd;
  std::mt19937 random(6);
  std::vector<std::string> parts{"", "a", std::string(1'000'000, 'x')};
  std::string noise(100'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  parts.push_back(noise);
  std::string packed;
  std::vector<std::size_t> ends;
  for (const auto& part : parts) {
    zstd.append(packed, part);
    ends.push_back(packed.size());
  }
  EXPECT_EQ(frames_of(packed), parts);
  EXPECT_EQ(frames_of(packed.substr(0, ends[1])), (std::vector<std::string>{"", "a"}));
  EXPECT_THROW(frames_of(packed.substr(0, ends[1] - 1)), std::runtime_error);
  packed[packed.size() - 1] = static_cast<char>(packed.back() ^ 1);  // the checksum
  EXPECT_THROW(frames_of(packed), std::runtime_error);
}

}  // namespace
