#include <fanout/core.hpp>
#include <fanout/mpi/session.hpp>

#include "mpi/this_job.hpp"
#include "support/places.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <ranges>
#include <vector>

namespace mpi_tests {

fanout::mpi::session* job = nullptr;

int third_kills_its_rank(int x) {
  if (x == 3) std::raise(SIGKILL);
  return x;
}

}  // namespace mpi_tests

namespace fanout::test {
namespace {

class nodes_of_mpi final : public tested_nodes {
 public:
  nodes_of_mpi(std::uint32_t count, const node_options& how)
      : nodes_(std::in_place, how, mpi_tests::job->links(count)) {}
  nodes& machines() override { return *nodes_; }
  int end() override {
    nodes_.reset();
    return 0;  // one that does not end well ends the job
  }

 private:
  std::optional<nodes> nodes_;
};

}  // namespace

std::vector<std::string> places_to_test() {
  return {"3 nodes of async:4", "2 nodes of threads:3",   "3 nodes of 1x2x3",
          "1 nodes of sync",    "2 nodes of processes:2", "2 nodes of 2x1x4"};
}

std::unique_ptr<tested_nodes> nodes_to_test(std::uint32_t count, const node_options& how) {
  return std::make_unique<nodes_of_mpi>(count, how);
}

}  // namespace fanout::test

// Rank 0 runs the tests, or loses a rank; the others are nodes. Started by run.sh.
int main(int argc, char** argv) {
  fanout::init(argc, argv);
  fanout::mpi::session job(argc, argv);
  if (job.is_node()) return job.serve();
  mpi_tests::job = &job;
  if (argc == 2 && std::strcmp(argv[1], "--lose-a-rank") == 0) {
    fanout::nodes machines = job.machines("mpi:threads:1");
    fanout::map(machines.with(), fanout::remote<mpi_tests::third_kills_its_rank>, std::views::iota(0, 1000));
    std::puts("the run went through");
    return 0;
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
