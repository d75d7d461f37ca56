#include "fetch/encoding/stored_payloads.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace {

using fanout::fetch::stored_payload;
using fanout::fetch::stored_payloads;

stored_payload number(int i) {
  return {fmt::format("<urn:uuid:00000000-0000-4000-8000-{:012}>", i), fmt::format("http://x/{}", i),
          fmt::format("2026-11-30T00:00:00.{:06}Z", i)};
}

TEST(stored_payloads, gives_back_what_was_added) {
  stored_payloads all;
  EXPECT_FALSE(all.find("sha1:A"));
  all.add("sha1:A", number(1));
  all.add("sha1:B", number(2));
  all.add("sha1:A", number(3));  // the first one stays
  const auto found = all.find("sha1:A");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->record_id, number(1).record_id);
  EXPECT_EQ(found->url, "http://x/1");
  EXPECT_EQ(found->date, number(1).date);
  EXPECT_EQ(all.find("sha1:B")->url, "http://x/2");
}

TEST(stored_payloads, forgets_the_oldest) {
  stored_payloads all(1'000'000);
  for (int i = 0; i < 100'000; ++i) all.add(std::to_string(i), number(i));
  EXPECT_FALSE(all.find("0"));
  int known = 0;
  for (int i = 0; i < 100'000; ++i) known += all.find(std::to_string(i)).has_value();
  EXPECT_GT(known, 2'000);  // half of the bytes, of some 200 each
  EXPECT_LT(known, 10'000);
  EXPECT_TRUE(all.find("99999"));
  EXPECT_TRUE(all.find("97999"));
}

}  // namespace
