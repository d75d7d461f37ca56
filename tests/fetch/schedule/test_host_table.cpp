#include "fetch/schedule/host_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <stdexcept>
#include <string>

namespace {

using fanout::fetch::host_table;

TEST(host_table, finds_what_is_there_and_nothing_else) {
  host_table hosts;
  std::map<std::string, std::uint32_t> model;
  std::mt19937 random(3);
  for (int step = 0; step < 50'000; ++step) {
    const std::string name = "host" + std::to_string(random() % 3'000);
    const auto known = model.find(name);
    ASSERT_EQ(hosts.find(name), known == model.end() ? 0 : known->second);
    if (random() % 2 == 0) {
      const auto id = hosts.find_or_add(name);
      if (known != model.end())
        ASSERT_EQ(id, known->second);
      else
        hosts[id].limit = static_cast<std::uint32_t>(std::stoul(name.substr(4)));
      model[name] = id;
      ASSERT_EQ(hosts.name(id), name);
      ASSERT_EQ(hosts[id].limit, std::stoul(name.substr(4))) << "its record is its own";
    } else if (known != model.end()) {
      hosts.remove(known->second);
      model.erase(known);
    }
    ASSERT_EQ(hosts.size(), model.size());
  }
  std::size_t seen = 0;
  hosts.for_each([&](std::uint32_t id, const auto&) {
    ++seen;
    EXPECT_EQ(model.at(std::string(hosts.name(id))), id);
  });
  EXPECT_EQ(seen, model.size());
}

TEST(host_table, refuses_names_that_are_none) {
  host_table hosts;
  EXPECT_THROW(hosts.find_or_add(""), std::length_error);
  EXPECT_THROW(hosts.find_or_add(std::string(256, 'a')), std::length_error);
  EXPECT_EQ(hosts.find(""), 0U);
  EXPECT_EQ(hosts.size(), 0U);
  EXPECT_EQ(hosts.name(hosts.find_or_add(std::string(255, 'a'))), std::string(255, 'a'));
}

}  // namespace
