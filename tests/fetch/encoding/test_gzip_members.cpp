#include "fetch/encoding/gzip_members.hpp"
#include "fetch/encoding/warc_reader.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace {

TEST(gzip_members, are_whole_each_by_itself) {
  fanout::fetch::gzip_members gzip;
  std::mt19937 random(6);
  std::vector<std::string> parts{"", "a", std::string(1'000'000, 'x')};
  std::string noise(100'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  parts.push_back(noise);
  std::string packed = "";
  std::vector<std::size_t> ends;
  for (const auto& part : parts) {
    gzip.append(packed, part);
    ends.push_back(packed.size());
  }
  EXPECT_EQ(fanout_test::gzip_parts(packed), parts);
  EXPECT_EQ(fanout_test::gzip_parts(packed.substr(0, ends[1])), (std::vector<std::string>{"", "a"}));
  EXPECT_THROW(fanout_test::gzip_parts(packed.substr(0, ends[1] - 1)), std::runtime_error);
}

}  // namespace
