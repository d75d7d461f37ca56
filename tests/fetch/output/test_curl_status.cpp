#include <fanout/fetch/curl_status.hpp>

#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;

int status_of(failure_kind kind, std::string message = {}) {
  record result;
  result.error = kind;
  result.message = std::move(message);
  return curl_exit_status(result, false);
}

TEST(curl_status, as_the_manual_has_them) {
  EXPECT_EQ(curl_exit_status({}, true), 0);
  EXPECT_EQ(status_of(failure_kind::invalid_request), 3);
  EXPECT_EQ(status_of(failure_kind::dns), 6);
  EXPECT_EQ(status_of(failure_kind::connect), 7);
  EXPECT_EQ(status_of(failure_kind::timeout), 28);
  EXPECT_EQ(status_of(failure_kind::tls, "handshake failure"), 35);
  EXPECT_EQ(status_of(failure_kind::tls, "the certificate has expired"), 60);
  EXPECT_EQ(status_of(failure_kind::refused_by_policy, "more than 3 redirects"), 47);
  EXPECT_EQ(status_of(failure_kind::opted_out, "noai"), 1);
  EXPECT_EQ(status_of(failure_kind::refused_by_policy, "a redirects to b, and http is not allowed for redirects"), 1);
  EXPECT_EQ(status_of(failure_kind::invalid_request, "'foo' is not supported, only http and https are"), 1);
  EXPECT_EQ(status_of(failure_kind::protocol), 56);
  EXPECT_EQ(status_of(failure_kind::too_large), 63);
}

TEST(curl_status, a_status_is_a_failure_only_if_asked) {
  record result;
  result.status = 404;
  result.error = failure_kind::status;
  EXPECT_EQ(curl_exit_status(result, false), 0);
  EXPECT_EQ(curl_exit_status(result, true), 22);
}

}  // namespace
