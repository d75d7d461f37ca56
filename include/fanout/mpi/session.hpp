#pragma once

#include <fanout/core/shape.hpp>
#include <fanout/process/nodes.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

/// \file
/// Nodes over MPI: the ranks of a job that mpirun, or srun, has started. Rank 0 runs the program; each other rank is a
/// node, which runs a local shape on the batches it gets.
///
///     int main(int argc, char** argv) {
///       fanout::init(argc, argv);
///       fanout::mpi::session mpi(argc, argv);
///       if (mpi.is_node()) return mpi.serve();
///       fanout::nodes machines = mpi.machines("mpi:3x1x1x16");
///       auto pages = fanout::map(machines.with(), fanout::remote<fetch>, urls);
///     }
///
///     mpirun -n 4 ./program
///
/// A rank that is lost ends the whole job. That is the rule of MPI, and fault tolerance (ULFM), which would allow
/// another one, is not in Open MPI 4.1, which Debian 12 has. So no outcome of `worker_died` comes from a lost rank, as
/// nobody is left to get it. Worker processes under a node may die as everywhere. For bulk fetches that must outlive a
/// machine there are shards (docs/machines.md).
namespace fanout::mpi {

/// This process as a rank of its job. It initializes MPI, unless the program has done so, and finalizes what it has
/// initialized: then all ranks have to destroy theirs. One thread of it calls MPI, and asks now and then, at least
/// every 2 ms, since MPI has nothing to wait for.
///
/// Thread safety: `machines` and `links` may be called from any thread; the others by the one that made it.
class session {
 public:
  /// After `fanout::init`, which returns only in programs that are no worker. Throws `std::runtime_error` where the MPI
  /// does not allow another thread than the first to call it (MPI_THREAD_SERIALIZED). A program that calls MPI itself
  /// at the same time needs MPI_THREAD_MULTIPLE, which is what this asks for.
  session(int& argc, char**& argv);
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  /// In rank 0 it ends the nodes, and waits for them; all that `machines` and `links` made is gone by then.
  ~session();

  int rank() const noexcept;
  /// Ranks but 0.
  std::uint32_t node_count() const noexcept;
  bool is_node() const noexcept { return rank() != 0; }

  /// Is a node until rank 0 destroys its session; returns 0, for `main`. Only for nodes: it throws `std::logic_error`
  /// in rank 0, and what `serve_node` throws.
  int serve();

  /// Nodes for a shape with machines: "3x2x1x16" (MxPxTxC), the same with "mpi:" before it, or "mpi:" and a shape that
  /// each node of the job runs, such as "mpi:hybrid:64". "mpi" is "mpi:hybrid". Throws `std::invalid_argument` for what
  /// is none of these, and for more machines than there are nodes. `how.shape` is not looked at.
  ///
  /// One set of nodes can be there at a time; waits until the one before has ended.
  nodes machines(std::string_view shape, node_options how = {});
  /// The same. A shape with one machine is run by one node.
  nodes machines(const shape& shape, node_options how = {});

  /// Links to the first `count` nodes, for `nodes` that the caller makes.
  std::vector<std::unique_ptr<node_link>> links(std::uint32_t count);

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace fanout::mpi
