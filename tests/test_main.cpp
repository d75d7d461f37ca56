#include <fanout/process/init.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  fanout::init(argc, argv);  // a test of worker processes is its own worker
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
