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

inline fanout::http::response get_on(asio::io_context& loop, const fanout::http::client& client,
                                     const std::string& url) {
  return run_on(loop, client.get(url));
}

inline fanout::http::response fetch(const std::string& url, fanout::http::client_options options = {}) {
  asio::io_context loop(1);
  return get_on(loop, fanout::http::client(std::move(options)), url);
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

}  // namespace fanout_test
