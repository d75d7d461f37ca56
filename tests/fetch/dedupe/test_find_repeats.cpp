#include <fanout/fetch/find_repeats.hpp>

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;

TEST(find_repeats, by_method_url_and_body) {
  const fanout_test::temporary_directory directory;
  const std::string list = directory.write("list",
                                           "http://a/x\n"
                                           "HTTP://A:80/x#top\n"                              // 1: repeats 0
                                           "{\"url\":\"http://a/x\",\"method\":\"HEAD\"}\n"   //
                                           "{\"url\":\"http://a/x\",\"body\":\"1\"}\n"        //
                                           "{\"url\":\"http://a/x\",\"body\":\"2\"}\n"        //
                                           "{\"url\":\"http://a/x\",\"body\":\"1\"}\n"        // 5: repeats 3
                                           "{\n"                                              //
                                           "{\n"                                              //
                                           "{\"url\":\"http://a/x\",\"method\":\"GET\"}\n");  // 8: repeats 0
  request_source source({}, list);
  const auto repeats = find_repeats(source);
  EXPECT_EQ(repeats.size(), 3u);
  for (const std::uint64_t index : {1, 5, 8}) EXPECT_TRUE(repeats.contains(index)) << index;
}

}  // namespace
