#include "fetch/retry/retry_rule.hpp"

#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

class retry_rule : public ::testing::Test {
 protected:
  retry_rule() { how_.retries = 3; }

  std::optional<milliseconds> after_status(std::int32_t status) {
    return ask(status >= 400 ? std::optional(failure_kind::status) : std::nullopt, status);
  }
  std::optional<milliseconds> after(failure_kind failed) { return ask(failed, 0); }
  std::optional<milliseconds> ask(std::optional<failure_kind> error, std::int32_t status) {
    return wait_before_retry(how_, {method_, error, status, retries_, since_start_, never_seen_, retry_after_});
  }

  settings how_;
  std::string_view method_ = "GET";
  std::uint32_t retries_ = 0;
  milliseconds since_start_{0};
  bool never_seen_ = false;
  std::optional<milliseconds> retry_after_;
};

TEST_F(retry_rule, failures_that_may_pass) {
  for (const int status : {408, 429, 500, 502, 503, 504}) EXPECT_EQ(after_status(status), 1s) << status;
  for (const int status : {200, 304, 400, 401, 404, 501, 505}) EXPECT_EQ(after_status(status), std::nullopt) << status;
  for (const auto failed : {failure_kind::timeout, failure_kind::dns}) EXPECT_EQ(after(failed), 1s);
  for (const auto failed : {failure_kind::connect, failure_kind::tls, failure_kind::protocol, failure_kind::too_large,
                            failure_kind::refused_by_policy, failure_kind::invalid_request})
    EXPECT_EQ(after(failed), std::nullopt) << to_string(failed);
}

TEST_F(retry_rule, more_by_options) {
  how_.retry_refused = true;
  EXPECT_EQ(after(failure_kind::connect), 1s);
  how_.retry_all_errors = true;
  EXPECT_EQ(after(failure_kind::tls), 1s);
  EXPECT_EQ(after_status(404), 1s);
  EXPECT_EQ(after_status(200), std::nullopt);
  EXPECT_EQ(after(failure_kind::invalid_request), std::nullopt) << "it is the same every time";
}

TEST_F(retry_rule, what_is_not_idempotent_is_sent_again_only_if_nothing_was_done) {
  method_ = "POST";
  for (const int status : {408, 429, 503}) EXPECT_EQ(after_status(status), 1s) << status;
  for (const int status : {500, 502, 504}) EXPECT_EQ(after_status(status), std::nullopt) << status;
  EXPECT_EQ(after(failure_kind::timeout), std::nullopt);
  EXPECT_EQ(after(failure_kind::dns), 1s);
  EXPECT_EQ(after(failure_kind::protocol), std::nullopt);
  never_seen_ = true;
  EXPECT_EQ(after(failure_kind::protocol), 1s) << "a kept connection that turned out closed";
  never_seen_ = false;
  how_.retry_all_errors = true;
  EXPECT_EQ(after(failure_kind::timeout), 1s);
}

TEST_F(retry_rule, waits_grow_to_ten_minutes) {
  how_.retries = 1000;
  std::int64_t seconds = 1;
  for (retries_ = 0; retries_ < 100; ++retries_, seconds = std::min<std::int64_t>(2 * seconds, 600))
    EXPECT_EQ(after_status(503), milliseconds(seconds * 1000)) << retries_;
  how_.retry_delay_ms = 50;
  EXPECT_EQ(after_status(503), 50ms);
}

TEST_F(retry_rule, the_server_may_ask_for_more) {
  retry_after_ = 7s;
  EXPECT_EQ(after_status(503), 7s);
  retry_after_ = 0s;
  EXPECT_EQ(after_status(503), 1s);
  retry_after_ = 24h;
  EXPECT_EQ(after_status(503), 24h);
}

TEST_F(retry_rule, it_ends) {
  retries_ = 3;
  EXPECT_EQ(after_status(503), std::nullopt);
  retries_ = 2;
  EXPECT_EQ(after_status(503), 4s);
  how_.retry_max_time_ms = 5000;
  since_start_ = 1000ms;
  EXPECT_EQ(after_status(503), 4s);
  since_start_ = 1001ms;
  EXPECT_EQ(after_status(503), std::nullopt) << "it would end too late";
}

}  // namespace
