#include <fanout/process/init.hpp>

#include "process/commanded_worker.hpp"
#include "support/node_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  fanout::init(argc, argv);  // a test of worker processes is its own worker, and its own node
  if (fanout::test::is_node(argc, argv)) return fanout::test::be_node();
  if (const auto status = fanout::test::serve_by_command(argc, argv)) return *status;
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
