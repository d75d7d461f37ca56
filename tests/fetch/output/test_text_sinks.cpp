#include <fanout/fetch/text_sinks.hpp>

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout_test::read_file;
using fanout_test::temporary_directory;

TEST(text_sinks, headers_as_they_came) {
  const temporary_directory directory;
  request asked;
  record result;
  result.heads = "HTTP/1.1 302 Found\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
  header_output headers(output::create(directory / "headers"));
  writer to;
  finished each{0, asked, result};
  headers.take(each, to);
  to.finish();
  headers.close();
  EXPECT_EQ(read_file(directory / "headers"), result.heads);
}

TEST(text_sinks, a_file_of_headers_stays_where_there_was_no_request) {
  const temporary_directory directory;
  const std::string path = directory.write("headers", "old");
  header_output(output::create(path)).close();
  EXPECT_EQ(read_file(path), "old");
}

TEST(text_sinks, formats) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  request asked;
  record result;
  result.status = 200;
  format_output format("%{http_code}%{stderr}error", false);
  writer to;
  finished each{0, asked, result};
  format.take(each, to);
  to.finish();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "200");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "error");
  EXPECT_TRUE(format.wants_headers());
  EXPECT_THROW(format_output("%{no}", false), std::invalid_argument);
}

}  // namespace
