#include "fetch/options/form_fields.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

form_field field(const std::string& text) {
  return parse_form_field(text, false);
}

std::string refused_field(const std::string& text) {
  try {
    field(text);
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

TEST(form_fields, values) {
  EXPECT_EQ(field("a=b"), (form_field{.name = "a", .value = "b"}));
  EXPECT_EQ(field("a="), (form_field{.name = "a"}));
  EXPECT_EQ(field("a= b =c"), (form_field{.name = "a", .value = " b =c"})) << "blanks belong to it";
  EXPECT_EQ(field("a=b;type=text/x"), (form_field{.name = "a", .value = "b", .content_type = "text/x"}));
  EXPECT_EQ(field(R"(a="b;\"c\\";filename=d)"), (form_field{.name = "a", .value = R"(b;"c\)", .file_name = "d"}));
}

TEST(form_fields, nothing_has_a_meaning_in_a_literal_one) {
  EXPECT_EQ(parse_form_field("a=@b;type=c", true), (form_field{.name = "a", .value = "@b;type=c"}));
  EXPECT_THROW(parse_form_field("a", true), std::invalid_argument);
}

TEST(form_fields, files) {
  const temporary_directory directory;
  const std::string path = directory.write("x", "text;type=no");
  EXPECT_EQ(field("f=@" + path), (form_field{.name = "f", .file = path}));
  EXPECT_EQ(field("f=@\"" + path + "\" ; TYPE=a/b; filename=\"c;d\""),
            (form_field{.name = "f", .file = path, .file_name = "c;d", .content_type = "a/b"}));
  EXPECT_EQ(field("f=<" + path), (form_field{.name = "f", .value = "text;type=no"}));
  EXPECT_THAT(refused_field("f=@/no/such"), HasSubstr("cannot read /no/such: No such file"));
  EXPECT_THAT(refused_field("f=</no/such"), HasSubstr("cannot read /no/such: No such file"));
  EXPECT_THAT(refused_field("f=@/"), HasSubstr("/ is not a regular file"));
}

TEST(form_fields, what_is_none) {
  EXPECT_THAT(refused_field("a"), HasSubstr("'a' is not a field of a form: there is no name"));
  EXPECT_THAT(refused_field("=a"), HasSubstr("there is no name"));
  EXPECT_THAT(refused_field("a=\"b"), HasSubstr("a quote is not closed"));
  EXPECT_THAT(refused_field("a=\"b\"c"), HasSubstr("follows the closing quote"));
  EXPECT_THAT(refused_field("a=b;encoder=base64"), HasSubstr("only ;type= and ;filename="));
  EXPECT_THAT(refused_field("a=b;"), HasSubstr("only ;type="));
  EXPECT_THAT(refused_field("a=(;type=x"), HasSubstr("parts within parts"));
  EXPECT_THAT(refused_field("a=b;type=x\r\nY: z"), HasSubstr("control character"));
}

TEST(form_fields, cut_anywhere_it_is_read_or_refused) {
  const std::string whole = R"(a="b;\"c\\";type=text/x;filename="d;e")";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      field(whole.substr(0, size));
    } catch (const std::invalid_argument& refused) {
      EXPECT_THAT(refused.what(), HasSubstr("is not a field of a form"));
    }
  }
}

}  // namespace
