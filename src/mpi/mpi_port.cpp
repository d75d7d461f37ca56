#include "mpi/mpi_port.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fanout::mpi {

mpi_port::mpi_port(MPI_Comm communicator, receiver to)
    : communicator_(communicator), to_(std::move(to)), thread_([this] { work(); }) {}

mpi_port::~mpi_port() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void mpi_port::send(int to, message_kind kind, std::string message) {
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t at = 0; message.size() > longest; message.erase(0, at)) {
      at = longest;
      queue_.push_back({to, message_kind::piece, message.substr(0, at)});
    }
    queue_.push_back({to, kind, std::move(message)});
  }
  changed_.notify_one();
}

void mpi_port::work() {
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

bool mpi_port::send_queued() {
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

bool mpi_port::finish_sent() {
  return std::erase_if(sent_, [](under_way& each) {
           int done = 0;
           MPI_Test(&each.request, &done, MPI_STATUS_IGNORE);
           return done != 0;
         }) > 0;
}

bool mpi_port::receive() {
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
bool mpi_port::idle(unsigned rounds) {
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
