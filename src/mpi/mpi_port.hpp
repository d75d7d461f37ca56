#pragma once

#include <functional>
#include <memory>
#include <string>

/// \file
/// Names nothing of MPI, whose header is where only its own compilers find it.
namespace fanout::mpi {

/// What a message is; the tag that MPI carries it with.
enum class message_kind : int {
  piece = 1,  ///< of a message that goes on
  data,       ///< of a run
  end,        ///< to a node: nothing more comes for these runs
  ended,      ///< from a node: it has answered all of them
  shutdown,   ///< to a node: the program is done
  bye,        ///< from a node, last
};

/// A communicator of our own over all ranks, and the thread that calls MPI for it: sends what is queued, and hands on
/// what comes.
///
/// Thread safety: `send` may be called from any thread.
class mpi_port {
 public:
  /// Called on the port's thread.
  using receiver = std::function<void(int from, message_kind kind, std::string message)>;

  /// In all ranks, after MPI was initialized. Nothing is received before `start`.
  mpi_port();
  mpi_port(const mpi_port&) = delete;
  mpi_port& operator=(const mpi_port&) = delete;
  /// Sends what is queued, and ends; in all ranks, before MPI is finalized.
  ~mpi_port();

  int rank() const noexcept;
  int size() const noexcept;
  void start(receiver to);
  /// Does not wait.
  void send(int to, message_kind kind, std::string message);

 private:
  class worker;
  std::unique_ptr<worker> worker_;
};

}  // namespace fanout::mpi
