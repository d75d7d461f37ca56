// The settings of TLS, and what is shared by connections that agree on them.
#include <fanout/base/failure.hpp>

#include "http/tls/tls_context.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::http;
using testing::HasSubstr;

TEST(tls_context, equal_settings_are_one_context) {
  tls_settings settings;
  settings.least = tls_version::v1_3;
  const auto one = tls_context::shared(settings);
  EXPECT_EQ(tls_context::shared(settings), one);
  EXPECT_EQ(one->native(), one->native());
  const auto differs = [&](auto change) {
    tls_settings other = settings;
    change(other);
    EXPECT_NE(tls_context::shared(other), one);
  };
  differs([](tls_settings& other) { other.verify = false; });
  differs([](tls_settings& other) { other.ca_file = "ca.pem"; });
  differs([](tls_settings& other) { other.certificate_file = "client.pem"; });
  differs([](tls_settings& other) { other.key_file = "key.pem"; });
  differs([](tls_settings& other) { other.least = tls_version::v1_2; });
  differs([](tls_settings& other) { other.resume = false; });
  differs([](tls_settings& other) { other.to_proxy = true; });
}

TEST(tls_context, a_proxy_gets_neither_the_certificate_nor_the_licence_of_a_server) {
  client_options options;
  options.verify_tls = false;
  options.ca_file = "ca.pem";
  options.certificate_file = "client.pem";
  options.proxy_ca_file = "proxy.pem";
  options.min_tls_version = tls_version::v1_3;
  options.resume_tls = false;
  const auto server = tls_settings::of(options);
  EXPECT_FALSE(server.verify);
  EXPECT_EQ(server.ca_file, "") << "nobody asks for it where nothing is verified";
  EXPECT_EQ(server.certificate_file, "client.pem");
  const auto proxy = tls_settings::of_proxy(options);
  EXPECT_TRUE(proxy.verify);
  EXPECT_EQ(proxy.ca_file, "proxy.pem");
  EXPECT_EQ(proxy.certificate_file, "");
  EXPECT_TRUE(proxy.to_proxy);
  for (const auto& each : {server, proxy}) {
    EXPECT_EQ(each.least, tls_version::v1_3);
    EXPECT_FALSE(each.resume);
  }
}

TEST(tls_context, files_that_cannot_be_used_are_named_each_time) {
  tls_settings settings;
  settings.ca_file = "/nowhere/ca.pem";
  const auto context = tls_context::shared(settings);
  for (int i = 0; i < 2; ++i) {
    try {
      context->native();
      FAIL();
    } catch (const fanout::error& thrown) {
      EXPECT_EQ(thrown.kind(), fanout::failure_kind::tls);
      EXPECT_THAT(thrown.what(), HasSubstr("/nowhere/ca.pem"));
    }
  }
}

}  // namespace
