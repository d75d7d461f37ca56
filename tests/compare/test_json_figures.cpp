#include "compare/text/json_figures.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace fanout::detail {
namespace {

TEST(json_figures, what_is_missing_or_of_another_type_is_empty) {
  const auto row = boost::json::parse(R"({"n":2,"x":0.5,"s":"text","o":{"in":1},"a":[{"i":1},7,{"i":2}],"z":null})");
  const auto& object = row.as_object();
  EXPECT_EQ(number_in(object, "n"), 2.0);
  EXPECT_EQ(number_in(object, "x"), 0.5);
  for (const char* const name : {"s", "z", "missing"}) EXPECT_EQ(number_in(object, name), std::nullopt) << name;
  EXPECT_EQ(text_in(object, "s"), "text");
  for (const char* const name : {"n", "z", "missing"}) EXPECT_EQ(text_in(object, name), "") << name;
  EXPECT_EQ(number_in(object_in(object, "o"), "in"), 1.0);
  for (const char* const name : {"n", "a", "missing"}) EXPECT_TRUE(object_in(object, name).empty()) << name;
}

TEST(json_figures, only_the_objects_of_an_array_are_visited) {
  const auto row = boost::json::parse(R"({"a":[{"i":1},7,{"i":2}],"o":{"i":9}})");
  double sum = 0;
  for (const char* const name : {"a", "o", "missing"})
    for_each_in(row.as_object(), name, [&](const boost::json::object& each) { sum += *number_in(each, "i"); });
  EXPECT_EQ(sum, 3);
}

}  // namespace
}  // namespace fanout::detail
