#include "fetch/journal/boot_id.hpp"

#include <gtest/gtest.h>

namespace {

TEST(boot_id, stays_the_same_and_is_one) {
  const auto id = fanout::fetch::boot_id();
  EXPECT_EQ(id.size(), 36U) << id;  // a UUID, as Linux writes it
  EXPECT_EQ(fanout::fetch::boot_id(), id);
}

}  // namespace
