// A response as a value: its text, and its status as an exception.
#include <fanout/base/failure.hpp>
#include <fanout/http/response.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <utility>

namespace {

using fanout::http::response;
using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(response, text_is_utf8_whatever_the_body_is) {
  response page;
  page.body = "\xfc";
  page.headers.add("Content-Type", "text/html; charset=ISO-8859-1");
  EXPECT_EQ(page.charset(), "ISO-8859-1");
  EXPECT_EQ(page.text(), "\xc3\xbc");
  EXPECT_EQ(page.body, "\xfc") << "the bytes stay as they came";
  EXPECT_EQ(std::move(page).text(), "\xc3\xbc");
}

TEST(response, a_status_of_400_or_above_is_an_exception_on_demand) {
  response page;
  page.url = fanout::http::url("http://here.test/page");
  for (const int status : {200, 302, 399}) {
    page.status = status;
    EXPECT_TRUE(page.ok());
    EXPECT_NO_THROW(page.raise_for_status());
  }
  page.status = 404;
  page.reason = "Not\x1b Found";
  page.measured.total = 5ms;
  page.measured.attempts = 2;
  EXPECT_FALSE(page.ok());
  try {
    page.raise_for_status();
    FAIL();
  } catch (const fanout::error& thrown) {
    EXPECT_EQ(thrown.kind(), fanout::failure_kind::status);
    EXPECT_EQ(thrown.failure().elapsed, 5ms);
    EXPECT_EQ(thrown.failure().attempts, 2);
    EXPECT_THAT(thrown.what(), HasSubstr("http://here.test/page answered with status 404 Not\\x1B Found"));
  }
}

}  // namespace
