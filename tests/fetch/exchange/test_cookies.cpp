#include <fanout/fetch/cookies.hpp>
#include <fanout/http/cookies.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

template <class Call>
std::string cookie_failure(Call call) {
  try {
    call();
  } catch (const cookie_file_error& failed) {
    return failed.what();
  }
  return "nothing was thrown";
}

TEST(fetch_cookies, settings_that_begin_with_one_file_share_a_jar) {
  const temporary_directory directory;
  settings with;
  EXPECT_EQ(cookie_jar_of(with), nullptr);
  with.use_cookies = true;
  with.cookie_file = directory.write("jar", ".example.org\tTRUE\t/\tFALSE\t0\tname\tvalue\n");
  const auto jar = cookie_jar_of(with);
  ASSERT_NE(jar, nullptr);
  EXPECT_EQ(cookie_jar_of(with), jar);
  const std::string saved = directory / "saved";
  check_cookie_file(saved);
  save_cookies(*jar, saved);
  EXPECT_THAT(fanout_test::read_file(saved), HasSubstr("name\tvalue"));
  with.cookie_file = directory / "none";
  EXPECT_THROW(cookie_jar_of(with), std::runtime_error);
}

TEST(fetch_cookies, a_file_that_cannot_be_written_is_an_error_before_and_after) {
  const temporary_directory directory;
  const fanout::http::cookie_jar jar;
  for (const std::string& file : {directory.path(), std::string("/no/such/jar")}) {
    EXPECT_THAT(cookie_failure([&] { check_cookie_file(file); }), HasSubstr("cannot write " + file + ": "));
    EXPECT_THAT(cookie_failure([&] { save_cookies(jar, file); }), HasSubstr(file));
  }
  EXPECT_EQ(cookie_failure([&] { check_cookie_file("/dev/stdout"); }), "nothing was thrown");
}

}  // namespace
