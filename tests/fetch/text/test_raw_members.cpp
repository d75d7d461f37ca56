#include "fetch/text/raw_members.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace {

using fanout::fetch::extra_members;

TEST(raw_members, are_kept_as_they_are_written) {
  EXPECT_EQ(extra_members(R"({"url":"a"})"), "");
  EXPECT_EQ(extra_members("{}"), "");
  EXPECT_EQ(extra_members(R"({"url":"a","label":1.10,"n":12345678901234567890123})"),
            R"(,"label":1.10,"n":12345678901234567890123)");
  EXPECT_EQ(extra_members(R"( { "a" : [ 1, {"b":"}]"} ] , "url" : "x" , "c" : null } )"),
            R"(,"a":[ 1, {"b":"}]"} ],"c":null)");
  EXPECT_EQ(extra_members(R"({"a":"\"},{\\","b":true,"id":3,"method":"","headers":{"x":"y"},"body":"z"})"),
            R"(,"a":"\"},{\\","b":true)");
  EXPECT_EQ(extra_members(R"({"a":1,"a":2})"), R"(,"a":1,"a":2)");
}

TEST(raw_members, names_of_the_record_do_not_come_twice) {
  EXPECT_EQ(extra_members(R"({"status":"x","\u0062ytes":1,"\u0075rl":"u"})"),
            R"(,"input_status":"x","input_\u0062ytes":1)");
}

TEST(raw_members, what_they_make_is_json) {
  const std::string made = "{\"x\":0" + extra_members(R"({"a":{},"b":[],"c":"","d":-1e5,"":{"":[[]]}})") + "}";
  boost::system::error_code failed;
  EXPECT_EQ(boost::json::parse(made, failed).as_object().size(), 6u) << made;
  EXPECT_FALSE(failed);
}

}  // namespace
