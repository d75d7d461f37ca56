#include "http/h2/h2_request.hpp"
#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::h2_request;
using fanout::http::request;
using fanout::http::url;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> lines_of(const request& what, const fanout::http::body_announcement& body = {},
                                  bool decodes = false) {
  h2_request made;
  made.prepare(what, "me", decodes, body);
  std::vector<std::string> lines;
  for (const nghttp2_nv& each : made.fields())
    lines.push_back(std::string(reinterpret_cast<const char*>(each.name), each.namelen) + "=" +
                    std::string(reinterpret_cast<const char*>(each.value), each.valuelen));
  return lines;
}

request get(const std::string& from) {
  request what;
  what.url = url(from);
  return what;
}

TEST(h2_request, has_pseudo_fields_first) {
  EXPECT_THAT(lines_of(get("https://a.test:8443/b?c")),
              ElementsAre(":method=GET", ":scheme=https", ":authority=a.test:8443", ":path=/b?c", "user-agent=me",
                          "accept=*/*"));
}

// A request without fields of its own is prepared another way than one that has some.
TEST(h2_request, of_a_plain_request_says_what_any_other_says) {
  for (const char* method : {"GET", "HEAD"})
    for (const char* address : {"http://a.test/b?c", "https://a.test:8443/", "http://[fe80::1%25lo]/"})
      for (const bool decodes : {false, true}) {
        request what = get(address);
        what.method = method;
        const std::vector<std::string> plain = lines_of(what, {}, decodes);
        what.without = {"X-Nothing"};
        EXPECT_EQ(plain, lines_of(what, {}, decodes));
      }
}

TEST(h2_request, is_used_again) {
  request own = get("http://a/");
  own.headers = {{"X-One", "1"}};
  request plain = get("http://b/");
  h2_request made;
  for (const request* each : {&own, &plain, &own, &plain}) {
    made.prepare(*each, "me", false, {});
    std::vector<std::string> lines;
    for (const nghttp2_nv& field : made.fields())
      lines.push_back(std::string(reinterpret_cast<const char*>(field.name), field.namelen) + "=" +
                      std::string(reinterpret_cast<const char*>(field.value), field.valuelen));
    EXPECT_EQ(lines, lines_of(*each));
  }
}

TEST(h2_request, writes_names_in_lower_case_and_leaves_out_what_belongs_to_a_connection) {
  request what = get("http://a/");
  what.headers = {
      {"X-One", " 1 "},   {"Connection", "close"}, {"Keep-Alive", "5"}, {"Upgrade", "x"},          {"TE", "gzip"},
      {"Host", "b.test"}, {"TE", "trailers"},      {"User-Agent", "u"}, {"Proxy-Connection", "x"}, {"Accept", "a"}};
  EXPECT_THAT(lines_of(what), ElementsAre(":method=GET", ":scheme=http", ":authority=b.test", ":path=/", "x-one=1",
                                          "te=trailers", "user-agent=u", "accept=a"));
}

TEST(h2_request, announces_a_body_by_its_length_alone) {
  request what = get("http://a/");
  what.method = "PUT";
  EXPECT_THAT(lines_of(what, {true, 5, true}), testing::IsSupersetOf({"content-length=5", "expect=100-continue"}));
  for (const std::string& line : lines_of(what, {true, std::nullopt, false})) {
    EXPECT_THAT(line, testing::Not(HasSubstr("content-length")));
    EXPECT_THAT(line, testing::Not(HasSubstr("transfer-encoding")));
  }
}

TEST(h2_request, keeps_secrets_out_of_the_table) {
  request what = get("http://user:secret@a/");
  h2_request made;
  made.prepare(what, "me", false, {});
  int secret = 0;
  for (const nghttp2_nv& each : made.fields()) secret += (each.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
  EXPECT_EQ(secret, 1);
}

TEST(h2_request, refuses_what_http_1_1_refuses) {
  request what = get("http://a/");
  what.headers = {{"A", "b\r\nc"}};
  EXPECT_EQ(failure_of([&] { lines_of(what); }).kind, failure_kind::invalid_request);
}

}  // namespace
