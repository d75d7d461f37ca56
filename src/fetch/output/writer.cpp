#include <fanout/fetch/writer.hpp>

#include <signal.h>

#include <system_error>

namespace fanout::fetch {
namespace {

/// Signals are for the program's own threads to handle; and a reader that has gone is an error of the write here, not a
/// signal that ends the process.
class all_signals_blocked {
 public:
  all_signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  all_signals_blocked(const all_signals_blocked&) = delete;
  all_signals_blocked& operator=(const all_signals_blocked&) = delete;
  ~all_signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

writer::writer(queue_limits most, writer_events tell) : most_(most), tell_(std::move(tell)) {}

writer::~writer() {
  end_thread();
}

void writer::write(output& to, std::string bytes) {
  std::unique_lock lock(mutex_);
  std::string& text = text_for(to);
  const std::size_t size = bytes.size();
  if (text.empty())
    text = std::move(bytes);
  else
    text += bytes;
  count(size);
  if (cannot_wait(to, text)) wake(lock);
}

void writer::add(std::uint64_t bytes, std::function<void()> work) {
  std::unique_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  waiting_.push_back({.work = std::move(work)});
  count(bytes);
  wake(lock);
}

void writer::finish() {
  end_thread();
  if (failure_) std::rethrow_exception(failure_);
}

/// That of the last entry, if it is for the same output: then they are written together.
std::string& writer::text_for(output& to) {
  if (failure_) std::rethrow_exception(failure_);
  if (waiting_.empty() || waiting_.back().to != &to) waiting_.push_back({.to = &to, .text = std::exchange(spare_, {})});
  return waiting_.back().text;
}

/// A piece of the last entry.
void writer::count(std::uint64_t bytes) {
  entry& last = waiting_.back();
  ++last.pieces;
  last.bytes += bytes;
  ++pieces_;
  bytes_ += bytes;
  if (pieces_ >= most_.pieces || bytes_ >= most_.bytes) full_.store(true);
}

void writer::wake(std::unique_lock<std::mutex>& lock) {
  if (work_wanted_) return;
  if (!thread_.joinable() && !no_thread_) {
    try {
      const all_signals_blocked inherited;
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
      no_thread_ = true;
    }
  }
  if (no_thread_) {
    take_all(lock);
    if (failure_) std::rethrow_exception(failure_);
    return;
  }
  work_wanted_ = true;
  lock.unlock();
  wanted_.notify_one();
}

void writer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return work_wanted_ || ending_; });
    if (waiting_.empty() && ending_) return;
    take_all(lock);
  }
}

/// What waits now, with the mutex given back meanwhile.
void writer::take_all(std::unique_lock<std::mutex>& lock) {
  std::vector<entry> taken;
  taken.swap(waiting_);
  work_wanted_ = false;
  for (entry& next : taken) {
    if (!failure_) perform(next, lock);
    pieces_ -= next.pieces;
    bytes_ -= next.bytes;
    if (next.text.capacity() > spare_.capacity()) {
      next.text.clear();
      spare_ = std::move(next.text);
    }
    if (full_.load() && pieces_ <= most_.pieces / 2 && bytes_ <= most_.bytes / 2) {
      full_.store(false);
      if (tell_.room_made) tell_.room_made();
    }
  }
}

/// With the mutex given back meanwhile.
void writer::perform(entry& next, std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  std::exception_ptr failed;
  try {
    if (next.to)
      next.to->write(next.text);
    else
      next.work();
    next.work = nullptr;
    if (next.text.capacity() > 2 * buffer_bytes) std::string().swap(next.text);  // it takes a while
  } catch (...) {
    failed = std::current_exception();
  }
  lock.lock();
  if (!failed) return;
  failure_ = failed;
  lock.unlock();
  if (tell_.failed) tell_.failed();
  lock.lock();
}

void writer::end_thread() {
  std::unique_lock lock(mutex_);
  ending_ = true;
  if (!thread_.joinable()) return take_all(lock);
  lock.unlock();
  wanted_.notify_one();
  thread_.join();
}

}  // namespace fanout::fetch
