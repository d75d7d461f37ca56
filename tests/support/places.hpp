#pragma once

#include <fanout/process/nodes.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// Where the conformance suite runs. Each program that has the suite answers for itself: test_process and test_mpi.
namespace fanout::test {

/// Shapes, and "N nodes of " shapes.
std::vector<std::string> places_to_test();

class tested_nodes {
 public:
  virtual ~tested_nodes() = default;
  virtual nodes& machines() = 0;
  /// Ends them. How many did not end well.
  virtual int end() = 0;
};

std::unique_ptr<tested_nodes> nodes_to_test(std::uint32_t count, const node_options& how);

}  // namespace fanout::test
