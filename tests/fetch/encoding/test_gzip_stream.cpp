#include "fetch/encoding/gzip_stream.hpp"
#include "fetch/encoding/warc_reader.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace {

TEST(gzip_stream, makes_one_member_of_all_pieces) {
  std::mt19937 random(8);
  std::string noise(300'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  const std::vector<std::vector<std::string>> texts{
      {}, {""}, {"a"}, {"a", "", "b"}, {std::string(1'000'000, 'x'), "y"}, {noise, noise}};
  for (const auto& pieces : texts) {
    std::string packed = "before";
    std::string whole;
    fanout::fetch::gzip_stream stream;
    for (const std::string& each : pieces) {
      stream.append(packed, each);
      whole += each;
    }
    stream.end(packed);
    EXPECT_EQ(fanout_test::gzip_parts(packed.substr(6)), std::vector{whole});
  }
}

}  // namespace
