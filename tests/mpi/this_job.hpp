#pragma once

#include <fanout/mpi/session.hpp>

namespace mpi_tests {

/// The job that the tests run in: rank 0's.
extern fanout::mpi::session* job;

}  // namespace mpi_tests
