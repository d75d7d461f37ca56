#pragma once

#include <fanout/fetch/output.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// The thread that writes results, and the queue to it.
namespace fanout::fetch {

/// What may wait for a writer before the source is held up. Results of exchanges that are under way then come on top.
struct queue_limits {
  std::uint64_t pieces = 16 * 1024;   ///< lines, pages and files
  std::uint64_t bytes = 64ULL << 20;  ///< of them
};

/// What a writer tells; called on its thread, or where its work is done.
struct writer_events {
  std::function<void()> failed = {};     ///< once, when something could not be written
  std::function<void()> room_made = {};  ///< the queue was full, and is half empty
};

/// Does the slow part of what sinks do, on a thread of its own, in the order in which it was asked to: no event loop
/// waits for a disk or for who reads a pipe. Pieces for one output that wait together are written together.
///
/// The queue does not refuse anything: whoever fills it asks `has_room` before starting what will lead to more. After a
/// failure nothing more is written, and all members but `has_room` throw it.
///
/// The thread is started for the first piece that cannot wait: one for a reader, a file of its own, or a buffer full of
/// lines. Where the system has no thread for it, its work is done by the thread that calls.
///
/// Thread safety: `append`, `write`, `add` and `finish` on one thread at a time; `has_room` on any. Outputs belong to
/// the writer until `finish` has returned. Destroying it writes what waits, and does not report failure.
class writer {
 public:
  explicit writer(queue_limits most = {}, writer_events tell = {});
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;
  ~writer();

  /// Lets `encode` append a piece to the `std::string` that it is called with.
  template <class Encode>
  void append(output& to, Encode&& encode) {
    std::unique_lock lock(mutex_);
    std::string& text = text_for(to);
    const std::size_t before = text.size();
    try {
      encode(text);
    } catch (...) {  // of memory, most likely: half a piece is none
      text.resize(before);
      throw;
    }
    count(text.size() - before);
    if (cannot_wait(to, text)) wake(lock);
  }
  /// The same for a piece that exists, which is not copied if it is large.
  void write(output& to, std::string bytes);
  /// Other work, with `bytes` of memory.
  void add(std::uint64_t bytes, std::function<void()> work);

  /// Whether the queue is within its limits. Sequentially consistent, as `room_made` follows upon a change.
  bool has_room() const noexcept { return !full_.load(); }
  /// Waits until all is done. No more may be asked for then.
  void finish();

 private:
  static constexpr std::size_t buffer_bytes = 64 * 1024;

  /// Text for an output, or work.
  struct entry {
    output* to = nullptr;
    std::string text = {};
    std::function<void()> work = {};
    std::uint64_t pieces = 0;
    std::uint64_t bytes = 0;
  };

  std::string& text_for(output& to);
  bool cannot_wait(const output& to, const std::string& text) const noexcept {
    return to.prompt() || text.size() >= buffer_bytes || full_.load(std::memory_order_relaxed);
  }
  void count(std::uint64_t bytes);
  void wake(std::unique_lock<std::mutex>& lock);
  void run();
  void take_all(std::unique_lock<std::mutex>& lock);
  void perform(entry& next, std::unique_lock<std::mutex>& lock);
  void end_thread();

  const queue_limits most_;
  const writer_events tell_;
  std::mutex mutex_;  ///< guards all below
  std::condition_variable wanted_;
  std::vector<entry> waiting_;
  std::string spare_;  ///< keeps the memory of a text that was written
  std::uint64_t pieces_ = 0;
  std::uint64_t bytes_ = 0;
  bool work_wanted_ = false;
  bool ending_ = false;
  bool no_thread_ = false;
  std::exception_ptr failure_;
  std::atomic<bool> full_{false};
  std::thread thread_;
};

}  // namespace fanout::fetch
