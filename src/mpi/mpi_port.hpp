#pragma once

#include <mpi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>

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

/// The thread that calls MPI: sends what is queued, and hands on what comes.
///
/// Thread safety: `send` may be called from any thread.
class mpi_port {
 public:
  /// Called on the port's thread.
  using receiver = std::function<void(int from, message_kind kind, std::string message)>;

  mpi_port(MPI_Comm communicator, receiver to);
  mpi_port(const mpi_port&) = delete;
  mpi_port& operator=(const mpi_port&) = delete;
  /// Sends what is queued, and ends.
  ~mpi_port();

  /// Does not wait.
  void send(int to, message_kind kind, std::string message);

 private:
  struct queued {
    int to;
    message_kind kind;
    std::string message;
  };
  struct under_way {
    std::string message;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void work();
  bool send_queued();
  bool finish_sent();
  bool receive();
  bool idle(unsigned rounds);

  /// MPI counts bytes in an int; a longer message travels in pieces.
  static constexpr std::size_t longest = 1U << 30;

  const MPI_Comm communicator_;
  const receiver to_;
  std::list<under_way> sent_;
  std::map<int, std::string> pieces_;  ///< by the rank they come from
  std::mutex mutex_;                   ///< guards what follows
  std::condition_variable changed_;
  std::deque<queued> queue_;
  bool stopping_ = false;
  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace fanout::mpi
