#include "mpi/mpi_port.hpp"

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace fanout::mpi {

class mpi_port::worker {
 public:
  worker() {
    MPI_Comm_dup(MPI_COMM_WORLD, &communicator_);
    MPI_Comm_rank(communicator_, &rank_);
    MPI_Comm_size(communicator_, &size_);
  }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  ~worker() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
    MPI_Comm_free(&communicator_);
  }

  int rank() const noexcept { return rank_; }
  int size() const noexcept { return size_; }
  void start(receiver to) {
    to_ = std::move(to);
    thread_ = std::thread([this] { work(); });
  }
  void send(int to, message_kind kind, std::string message);

 private:
  struct queued {
    queued(int rank, message_kind what, std::string_view text) : to(rank), kind(what), message(text) {}
    queued(int rank, message_kind what, std::string&& text) : to(rank), kind(what), message(std::move(text)) {}
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

  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  receiver to_;
  std::list<under_way> sent_;
  std::map<int, std::string> pieces_;  ///< by the rank they come from
  std::mutex mutex_;                   ///< guards what follows
  std::condition_variable changed_;
  std::deque<queued> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

mpi_port::mpi_port() : worker_(std::make_unique<worker>()) {}
mpi_port::~mpi_port() = default;

int mpi_port::rank() const noexcept {
  return worker_->rank();
}
int mpi_port::size() const noexcept {
  return worker_->size();
}
void mpi_port::start(receiver to) {
  worker_->start(std::move(to));
}
void mpi_port::send(int to, message_kind kind, std::string message) {
  worker_->send(to, kind, std::move(message));
}

void mpi_port::worker::send(int to, message_kind kind, std::string message) {
  {
    const std::lock_guard lock(mutex_);
    std::size_t sent = 0;
    for (; message.size() - sent > longest; sent += longest)
      queue_.emplace_back(to, message_kind::piece, std::string_view(message).substr(sent, longest));
    if (sent == 0)
      queue_.emplace_back(to, kind, std::move(message));
    else
      queue_.emplace_back(to, kind, std::string_view(message).substr(sent));
  }
  changed_.notify_one();
}

void mpi_port::worker::work() {
  for (unsigned rounds = 0;;) {
    const bool sent = send_queued();
    const bool finished = finish_sent();
    const bool received = receive();
    if (sent || finished || received)
      rounds = 0;
    else if (!idle(rounds++))
      return;
  }
}

bool mpi_port::worker::send_queued() {
  std::deque<queued> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(queue_);
  }
  for (queued& each : taken) {
    under_way& out = sent_.emplace_back();
    out.message = std::move(each.message);
    MPI_Isend(out.message.data(), static_cast<int>(out.message.size()), MPI_BYTE, each.to, static_cast<int>(each.kind),
              communicator_, &out.request);
  }
  return !taken.empty();
}

bool mpi_port::worker::finish_sent() {
  return std::erase_if(sent_, [](under_way& each) {
           int done = 0;
           MPI_Test(&each.request, &done, MPI_STATUS_IGNORE);
           return done != 0;
         }) > 0;
}

bool mpi_port::worker::receive() {
  int there = 0;
  MPI_Message handle = MPI_MESSAGE_NULL;
  MPI_Status status{};
  MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, communicator_, &there, &handle, &status);
  if (there == 0) return false;
  int size = 0;
  MPI_Get_count(&status, MPI_BYTE, &size);
  std::string message(static_cast<std::size_t>(size), '\0');
  MPI_Mrecv(message.data(), size, MPI_BYTE, &handle, MPI_STATUS_IGNORE);
  const auto kind = static_cast<message_kind>(status.MPI_TAG);
  if (kind == message_kind::piece) {
    pieces_[status.MPI_SOURCE] += message;
    return true;
  }
  if (const auto begun = pieces_.find(status.MPI_SOURCE); begun != pieces_.end()) {
    message.insert(0, begun->second);
    pieces_.erase(begun);
  }
  to_(status.MPI_SOURCE, kind, std::move(message));
  return true;
}

/// False when there is nothing more to do. It asks again at once for some rounds, and then ever later: a message takes
/// microseconds, and a rank that has nothing to do for long needs its core for others.
bool mpi_port::worker::idle(unsigned rounds) {
  constexpr unsigned busy_rounds = 64;
  constexpr std::chrono::microseconds longest_wait(2000);
  std::unique_lock lock(mutex_);
  if (!queue_.empty()) return true;
  if (stopping_ && sent_.empty()) return false;
  if (rounds < busy_rounds) {
    lock.unlock();
    std::this_thread::yield();
    return true;
  }
  const auto wait = std::min(longest_wait, std::chrono::microseconds(20) * (rounds - busy_rounds + 1));
  changed_.wait_for(lock, wait, [&] { return !queue_.empty() || (stopping_ && sent_.empty()); });
  return true;
}

}  // namespace fanout::mpi
