// A program with the component mpi, which says how many nodes it has: none, as mpirun does not start it.
#include <fanout/core.hpp>
#include <fanout/mpi/session.hpp>

#include <iostream>

int main(int argc, char** argv) {
  fanout::init(argc, argv);
  fanout::mpi::session mpi(argc, argv);
  if (mpi.is_node()) return mpi.serve();
  std::cout << mpi.node_count() << " nodes\n";
}
