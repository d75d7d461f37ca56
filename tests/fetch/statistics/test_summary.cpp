#include <fanout/fetch/summary.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace {

using namespace fanout;
namespace json = boost::json;

TEST(summary, has_what_each_worker_cost_and_its_warning_if_any) {
  report cost;
  cost.workers.resize(2);
  cost.workers[0].tasks = 3;
  cost.workers[1].warning = "it did not end";
  const json::array workers = json::parse(fetch::summary_json(cost, {})).at("workers").as_array();
  ASSERT_EQ(workers.size(), 2u);
  EXPECT_EQ(workers[0].at("tasks").to_number<int>(), 3);
  EXPECT_FALSE(workers[0].as_object().contains("warning"));
  EXPECT_EQ(workers[1].at("warning").as_string(), "it did not end");
}

}  // namespace
