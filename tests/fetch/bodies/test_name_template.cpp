#include <fanout/fetch/name_template.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
using ::testing::HasSubstr;

const std::string digest(64, 'a');

std::string name_by(const std::string& pattern, name_parts of = {}) {
  if (of.sha256.empty()) of.sha256 = digest;
  if (of.url.empty()) of.url = "http://user@Example.org:8080/a/page.html?x#y";
  return name_template(pattern).name_of(of);
}

TEST(name_template, fields) {
  EXPECT_EQ(name_by("{index}", {.index = 17}), "00000017");
  EXPECT_EQ(name_by("{host}/{name}", {.name = "page.html"}), "example.org/page.html");
  EXPECT_EQ(name_by("{sha256:2}/{sha256:4}/{sha256}.{ext}", {.name = "a.JPG"}), "aa/aaaa/" + digest + ".JPG");
  EXPECT_EQ(name_by("x-{name}", {.index = 3}), "x-00000003");
  EXPECT_EQ(name_by("{host}", {.url = "https://[2001:db8::1]:443/"}), "2001-db8--1");
  EXPECT_EQ(name_by("{host}", {.url = "example.org"}), "example.org");
}

TEST(name_template, extensions) {
  EXPECT_EQ(name_by("{ext}", {.name = "a.tar.gz", .content_type = "image/png"}), "gz");
  EXPECT_EQ(name_by("{ext}", {.name = "a", .content_type = "image/PNG; x=y"}), "png");
  EXPECT_EQ(name_by("{ext}", {.name = "a.b~c", .content_type = "text/html"}), "html");
  EXPECT_EQ(name_by("{ext}", {.name = ".profile"}), "bin");
}

TEST(name_template, nothing_leads_out_of_the_directory) {
  EXPECT_EQ(name_by("{name}", {.name = "../../etc/passwd"}).find('/'), std::string::npos);
  for (const char* const pattern : {"../{name}", "/{name}", "a/../{name}", "a//{name}", "./{name}", "{host}/{name}"})
    for (const char* const name : {"..", ".", "../x", "-rf", "a\nb", "\\..\\x"}) {
      const std::string made = "/" + name_by(pattern, {.url = "http://../", .name = name}) + "/";
      EXPECT_EQ(made.find("/../"), std::string::npos) << made;
      EXPECT_EQ(made.find("/./"), std::string::npos) << made;
      EXPECT_EQ(made.find("//"), std::string::npos) << made;
      EXPECT_EQ(made.find("/-"), std::string::npos) << made;
      EXPECT_EQ(made.find('\n'), std::string::npos) << made;
    }
}

TEST(name_template, what_it_needs) {
  EXPECT_TRUE(name_template("{ext}").uses_headers());
  EXPECT_FALSE(name_template("{name}").uses_headers());
  EXPECT_TRUE(name_template("{sha256:2}").uses_digest());
  EXPECT_FALSE(name_template("{sha256:2}").is_content());
  EXPECT_TRUE(name_template("{sha256:2}/{sha256}.{ext}").is_content());
  EXPECT_FALSE(name_template("{index}-{sha256}").is_content());
}

TEST(name_template, what_it_refuses) {
  const auto refusal = [](const std::string& pattern) -> std::string {
    try {
      name_template made(pattern);
    } catch (const std::invalid_argument& refused) {
      return refused.what();
    }
    return {};
  };
  EXPECT_THAT(refusal("{sha1}"), HasSubstr("{sha1}"));
  EXPECT_THAT(refusal("{name"), HasSubstr("brace"));
  EXPECT_THAT(refusal("name}"), HasSubstr("brace"));
  EXPECT_NE(refusal("{sha256:0}"), "");
  EXPECT_NE(refusal(""), "");
}

}  // namespace
