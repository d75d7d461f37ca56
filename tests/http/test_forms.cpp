// Queries and forms.
#include <fanout/http/json.hpp>
#include <fanout/origin/background.hpp>

#include "http/support.hpp"
#include "support/temporary_directory.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value_to.hpp>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::HasSubstr;
using testing::StartsWith;

TEST(forms, are_encoded_as_browsers_do) {
  using fanout::http::form_encoded;
  EXPECT_EQ(form_encoded({}), "");
  EXPECT_EQ(form_encoded({{"a", "1"}, {"a", ""}, {"b c", "\xC3\xBC&=+~*-._\n"}}),
            "a=1&a=&b+c=%C3%BC%26%3D%2B%7E*-._%0A");
}

TEST(forms, parameters_are_added_to_a_query) {
  using fanout::http::with_query;
  EXPECT_EQ(with_query(url("http://h/p"), {}).str(), "http://h/p");
  EXPECT_EQ(with_query(url("http://h/p"), {{"a b", "c&d#e"}, {"f", "\xC3\xBC~"}}).str(),
            "http://h/p?a%20b=c%26d%23e&f=%C3%BC~");
  EXPECT_EQ(with_query(url("http://h/p?x=1"), {{"a", "b"}}).str(), "http://h/p?x=1&a=b");
  EXPECT_EQ(with_query(url("http://h/p?"), {{"a", "b"}}).str(), "http://h/p?a=b");
  EXPECT_EQ(with_query(url("http://h//x/y"), {{"a", "b"}}).str(), "http://h//x/y?a=b");
  const url whose = with_query(url("https://al%40:p:%2F@[::1]:8443/p?x"), {{"a", "b"}});
  EXPECT_EQ(whose.str(), "https://[::1]:8443/p?x&a=b");
  EXPECT_EQ(whose.userinfo(), "al@:p:/");
}

class sent_forms : public http_test {
 protected:
  // What the origin saw.
  static boost::json::object seen(request what) {
    const fanout::origin::background origin;
    what.url = url(origin.url("/echo"));
    asio::io_context loop(1);
    const auto answer = run_on(loop, client().send(std::move(what)));
    return fanout::http::json(answer).as_object();
  }
};

TEST_F(sent_forms, as_urlencoded_and_as_json) {
  request form;
  fanout::http::set_form(form, {{"name", "\xC3\x9C x"}});
  auto got = seen(form);
  EXPECT_EQ(got["method"], "POST");
  EXPECT_EQ(got["body"], "name=%C3%9C+x");
  EXPECT_EQ(got["headers"].as_object()["Content-Type"], "application/x-www-form-urlencoded");
  request json;
  json.method = "PUT";
  fanout::http::set_json(json, {{"a", {1, 2}}});
  got = seen(json);
  EXPECT_EQ(got["method"], "PUT");
  EXPECT_EQ(got["body"], "{\"a\":[1,2]}");
  EXPECT_EQ(got["headers"].as_object()["Content-Type"], "application/json");
}

TEST_F(sent_forms, with_files) {
  const temporary_directory files;
  std::string bytes(150'000, 'x');
  const std::string path = files.write("pa\"ge.txt", bytes);
  request form;
  fanout::http::set_multipart(form, {{.name = "a\r\nb", .value = "1"},
                                     {.name = "f", .file = path, .content_type = "text/plain"},
                                     {.name = "g", .file = files.write("empty", ""), .file_name = "other"}});
  const std::string type(form.headers["content-type"]);
  EXPECT_THAT(type, StartsWith("multipart/form-data; boundary="));
  const std::string boundary = "--" + type.substr(type.find('=') + 1);
  EXPECT_EQ(boost::json::value_to<std::string>(seen(form)["body"]),
            boundary + "\r\nContent-Disposition: form-data; name=\"a%0D%0Ab\"\r\n\r\n1\r\n" + boundary +
                "\r\nContent-Disposition: form-data; name=\"f\"; filename=\"pa%22ge.txt\"\r\nContent-Type: "
                "text/plain\r\n\r\n" +
                bytes + "\r\n" + boundary +
                "\r\nContent-Disposition: form-data; name=\"g\"; filename=\"other\"\r\nContent-Type: "
                "application/octet-stream\r\n\r\n\r\n" +
                boundary + "--\r\n");
  EXPECT_EQ(seen(form)["method"], "POST") << "it can be sent again";
  EXPECT_EQ(failure_of([&] { fanout::http::set_multipart(form, {{.name = "f", .file = files / "absent"}}); }).kind,
            failure_kind::invalid_request);
  EXPECT_EQ(failure_of([&] {
              fanout::http::set_multipart(form, {{.name = "f", .file = path, .content_type = "a\r\nX: y"}});
            }).kind,
            failure_kind::invalid_request);
}

}  // namespace
