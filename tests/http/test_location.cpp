#include "http/message/location.hpp"

#include <gtest/gtest.h>

namespace {

using fanout::http::redirect_place;
using fanout::http::response;

response answer(int status, fanout::http::headers fields) {
  response made;
  made.status = status;
  made.headers = std::move(fields);
  return made;
}

TEST(location, is_that_of_the_statuses_that_redirect) {
  for (const int status : {301, 302, 303, 307, 308})
    EXPECT_EQ(redirect_place(answer(status, {{"location", "/a"}, {"Location", "/b"}})), "/a") << status;
  for (const int status : {200, 201, 300, 304, 305, 306, 309, 404})
    EXPECT_EQ(redirect_place(answer(status, {{"Location", "/a"}})), "") << status;
}

TEST(location, may_be_missing_or_empty) {
  EXPECT_EQ(redirect_place(answer(302, {})), "");
  EXPECT_EQ(redirect_place(answer(302, {{"Location", ""}})), "");
}

}  // namespace
