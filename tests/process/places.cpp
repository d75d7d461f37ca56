#include "support/places.hpp"

#include "support/node_process.hpp"

namespace fanout::test {
namespace {

class nodes_in_processes final : public tested_nodes {
 public:
  nodes_in_processes(std::uint32_t count, const node_options& how) : processes_(count, how) {}
  nodes& machines() override { return processes_.machines(); }
  int end() override { return processes_.end(); }

 private:
  node_processes processes_;
};

}  // namespace

std::vector<std::string> places_to_test() {
  return {"sync",
          "threads:4",
          "async:4",
          "processes:3",
          "hybrid:4",
          "1x2x3",
          "2x1x1",
          "2x2x1",
          "2x1x4",
          "2x2x3",
          "auto",
          "auto:3",
          "2 nodes of sync",
          "2 nodes of threads:3",
          "3 nodes of async:4",
          "1 nodes of hybrid:4",
          "2 nodes of processes:2",
          "2 nodes of 1x2x3",
          "1 nodes of 2x1x4"};
}

std::unique_ptr<tested_nodes> nodes_to_test(std::uint32_t count, const node_options& how) {
  return std::make_unique<nodes_in_processes>(count, how);
}

}  // namespace fanout::test
