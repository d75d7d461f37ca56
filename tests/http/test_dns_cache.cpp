#include "http/dns/dns_cache.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using namespace fanout::http;

class cache : public testing::Test {
 protected:
  static std::shared_ptr<const dns_answer> answer(const char* address) {
    auto made = std::make_shared<dns_answer>();
    made->addresses.push_back(boost::asio::ip::make_address(address));
    return made;
  }
  dns_cache kept_;
  const dns_cache::time now_{1000s};
};

TEST_F(cache, keeps_an_answer_until_its_time_and_no_longer) {
  kept_.keep("a.test", family::v4, answer("1.2.3.4"), now_ + 30s, now_);
  ASSERT_NE(kept_.find("a.test", family::v4, now_ + 30s - 1ns), nullptr);
  EXPECT_EQ(kept_.find("a.test", family::v4, now_ + 29s)->addresses.front().to_string(), "1.2.3.4");
  EXPECT_EQ(kept_.find("a.test", family::v4, now_ + 30s), nullptr);
  EXPECT_EQ(kept_.size(), 0u) << "what is out of date is dropped when it is met";
}

TEST_F(cache, does_not_keep_what_must_not_be_kept) {
  kept_.keep("a.test", family::v4, answer("1.2.3.4"), now_, now_);
  EXPECT_EQ(kept_.size(), 0u);
}

TEST_F(cache, tells_families_and_names_apart) {
  kept_.keep("a.test", family::v4, answer("1.2.3.4"), now_ + 30s, now_);
  EXPECT_EQ(kept_.find("a.test", family::v6, now_), nullptr);
  EXPECT_EQ(kept_.find("b.test", family::v4, now_), nullptr);
}

TEST_F(cache, the_latest_answer_counts) {
  kept_.keep("a.test", family::v4, answer("1.2.3.4"), now_ + 30s, now_);
  kept_.keep("a.test", family::v4, answer("5.6.7.8"), now_ + 60s, now_);
  EXPECT_EQ(kept_.find("a.test", family::v4, now_ + 40s)->addresses.front().to_string(), "5.6.7.8");
}

TEST_F(cache, is_bounded) {
  for (int i = 0; i < 20'000; ++i) kept_.keep(std::to_string(i), family::v4, answer("1.2.3.4"), now_ + 30s, now_);
  EXPECT_LE(kept_.size(), 16u * 1024);
  EXPECT_NE(kept_.find("19999", family::v4, now_), nullptr);
}

}  // namespace
