#include "fetch/output/write_out.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;
using ::testing::AllOf;
using ::testing::HasSubstr;

record answered_record() {
  record made;
  made.status = 302;
  made.bytes = 10;
  made.elapsed_ns = 2'000'000'000;
  made.final_url = "https://b.test/x/";
  made.headers = {{"Content-Type", "text/html"}, {"Location", "../y"}, {"Set-Cookie", "a"}, {"set-cookie", "b"}};
  made.heads = "HTTP/1.1 302\r\n\r\n";
  made.sent_heads = "GET / HTTP/1.1\r\n\r\n";
  made.measured = timings{.queued_ns = 0,
                          .name_lookup_ns = 1'000'000,
                          .connect_ns = 2'000'000,
                          .tls_ns = 3'000'000,
                          .first_byte_ns = 7'000'000,
                          .remote_address = "[::1]:443",
                          .redirects = 1};
  return made;
}

std::string written(const char* format, const record& result = answered_record(), bool fail = false) {
  request asked;
  asked.url = "http://a.test/";
  asked.headers = {{"Referer", "r"}};
  return write_out(format).of(4, asked, result, fail).output;
}

TEST(write_out, text_and_escapes) {
  EXPECT_EQ(written(R"(a\tb\n\r%%\x%\\)"), "a\tb\n\r%\\x%\\\\");
  EXPECT_EQ(written("%"), "%");
  EXPECT_EQ(written("\\"), "\\");
  EXPECT_EQ(written(""), "");
}

TEST(write_out, variables) {
  EXPECT_EQ(written("%{http_code} %{response_code} %{num_redirects} %{urlnum} %{scheme}"), "302 302 1 4 HTTPS");
  EXPECT_EQ(written("%{url} %{url_effective} %{redirect_url}"), "http://a.test/ https://b.test/x/ https://b.test/y");
  EXPECT_EQ(written("%{remote_ip} %{remote_port}"), "::1 443");
  EXPECT_EQ(written("%{time_namelookup} %{time_connect} %{time_appconnect} %{time_starttransfer} %{time_total}"),
            "0.001000 0.003000 0.006000 0.007000 2.000000");
  EXPECT_EQ(written("%{size_download} %{speed_download} %{size_header} %{size_request}"), "10 5 16 18");
  EXPECT_EQ(written("%{content_type}|%header{SET-COOKIE}|%header{x}|%{referer}|%{method}"), "text/html|a||r|GET");
  EXPECT_EQ(written("%{header_json}"),
            "{\"content-type\":[\"text/html\"],\n\"location\":[\"../y\"],\n\"set-cookie\":[\"a\",\"b\"]\n}");
}

TEST(write_out, json) {
  const auto all = boost::json::parse(written("%{json}")).as_object();
  EXPECT_EQ(all.at("http_code").as_int64(), 302);
  EXPECT_EQ(all.at("remote_ip").as_string(), "::1");
  EXPECT_TRUE(all.at("errormsg").is_null());
  EXPECT_EQ(all.at("time_total").as_double(), 2.0);
  record failed;
  failed.error = failure_kind::dns;
  failed.message = "no \"such\" host";
  const auto none = boost::json::parse(written("%{json}", failed)).as_object();
  EXPECT_EQ(none.at("http_code").as_int64(), 0);
  EXPECT_EQ(none.at("exitcode").as_int64(), 6);
  EXPECT_EQ(none.at("errormsg").as_string(), "no \"such\" host");
}

TEST(write_out, failures) {
  record failed;
  failed.error = failure_kind::timeout;
  failed.message = "late";
  EXPECT_EQ(written("%{http_code}%{onerror} %{exitcode} %{errormsg}", failed), "000 28 late");
  EXPECT_EQ(written("%{http_code}%{onerror} %{exitcode} %{errormsg}"), "302");
  record missing;
  missing.status = 404;
  missing.error = failure_kind::status;
  EXPECT_EQ(written("%{exitcode}", missing), "0");
  EXPECT_EQ(written("%{exitcode}", missing, true), "22");
}

TEST(write_out, where_it_goes) {
  request asked;
  const auto made = write_out("a%{stderr}b%{stdout}c").of(0, asked, answered_record(), false);
  EXPECT_EQ(made.output, "ac");
  EXPECT_EQ(made.errors, "b");
}

TEST(write_out, what_there_is_not) {
  const auto refusal = [](const char* format) -> std::string {
    try {
      write_out made(format);
    } catch (const std::invalid_argument& refused) {
      return refused.what();
    }
    return "nothing was refused";
  };
  EXPECT_THAT(refusal("%{http_cod}"), AllOf(HasSubstr("%{http_cod}"), HasSubstr("accepted: "), HasSubstr("http_code")));
  EXPECT_THAT(refusal("%{local_ip}"), HasSubstr("there is no variable"));
  EXPECT_THAT(refusal("a%{url"), HasSubstr("no closing brace"));
  EXPECT_THAT(refusal("%header{x"), HasSubstr("no closing brace"));
}

}  // namespace
