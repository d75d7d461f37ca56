#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/http/http.hpp>

#include "http/scripted_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace fanout_test {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// Runs a task on `loop` until it, and all else there, is done; returns its value or throws what it threw.
template <class T>
T run_on(asio::io_context& loop, fanout::task<T> work) {
  std::optional<T> result;
  std::exception_ptr failed;
  asio::co_spawn(loop, std::move(work), [&](std::exception_ptr thrown, T value) {
    failed = std::move(thrown);
    if (!failed) result.emplace(std::move(value));
  });
  loop.restart();
  loop.run();
  if (failed) std::rethrow_exception(failed);
  return std::move(result.value());
}

/// What a `by_version::client` speaks, unless its options say otherwise.
inline fanout::http::http_versions& version_under_test() {
  static fanout::http::http_versions version = fanout::http::http_versions::http_1_1;
  return version;
}
inline bool over_h2() {
  return version_under_test() != fanout::http::http_versions::http_1_1;
}

namespace by_version {
/// A client that speaks the version under test.
class client : public fanout::http::client {
 public:
  explicit client(fanout::http::client_options options = {}) : fanout::http::client(with_version(std::move(options))) {}

 private:
  static fanout::http::client_options with_version(fanout::http::client_options options) {
    if (over_h2()) options.http_version = version_under_test();
    return options;
  }
};
}  // namespace by_version

inline fanout::http::response get_on(asio::io_context& loop, const fanout::http::client& client,
                                     const std::string& url) {
  return run_on(loop, client.get(url));
}

inline fanout::http::response fetch(const std::string& url, fanout::http::client_options options = {}) {
  asio::io_context loop(1);
  return get_on(loop, by_version::client(std::move(options)), url);
}

/// The failure of `call`, which must throw a `fanout::error`.
template <class Call>
fanout::failure failure_of(Call call) {
  try {
    call();
  } catch (const fanout::error& thrown) {
    return thrown.failure();
  } catch (const std::exception& thrown) {
    ADD_FAILURE() << "threw another exception: " << thrown.what();
    return {};
  }
  ADD_FAILURE() << "did not throw";
  return {};
}

inline std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

/// Asserts that the test closed every descriptor it opened.
class http_test : public testing::Test {
 protected:
  void SetUp() override { before_ = open_descriptors(); }
  void TearDown() override { EXPECT_EQ(open_descriptors(), before_) << "descriptors leaked"; }

 private:
  std::ptrdiff_t before_ = 0;
};

/// The same test with each version of HTTP. Scripts of `scripted_server` are written in HTTP/1.1 for both.
class each_version : public http_test, public testing::WithParamInterface<fanout::http::http_versions> {
 protected:
  each_version() { use(GetParam()); }
  ~each_version() override { use(fanout::http::http_versions::http_1_1); }

 private:
  static void use(fanout::http::http_versions version) {
    version_under_test() = version;
    scripted_server::expects_http_2() = over_h2();
  }
};

inline auto both_versions() {
  return testing::Values(fanout::http::http_versions::http_1_1, fanout::http::http_versions::http_2_prior_knowledge);
}
inline std::string name_of_version(const testing::TestParamInfo<fanout::http::http_versions>& version) {
  return version.param == fanout::http::http_versions::http_1_1 ? "h1" : "h2";
}

}  // namespace fanout_test
