#include "fetch/bodies/body_file.hpp"

#include <fanout/async/to_thread.hpp>
#include <fanout/fetch/output.hpp>

#include "fetch/bodies/kept_part.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <utility>

namespace fanout::fetch::detail {
namespace {

// A write to the page cache that took this long waited for a disk, or its thread for a core, and so may the next ones.
// It is far above what the largest piece takes, and short beside the time a request takes.
constexpr std::chrono::milliseconds long_write{10};
constexpr int writes_after_a_long_one = 32;

/// Bytes that a pipe takes before its writer waits: what a program without privileges may ask for.
constexpr int pipe_bytes = 1024 * 1024;

/// While it exists, a reader that has gone is an error of the write, not a signal that ends the process.
class broken_pipes_are_errors {
 public:
  broken_pipes_are_errors() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  broken_pipes_are_errors(const broken_pipes_are_errors&) = delete;
  broken_pipes_are_errors& operator=(const broken_pipes_are_errors&) = delete;
  ~broken_pipes_are_errors() {
    if (constexpr timespec at_once{}; seen_ && sigismember(&before_, SIGPIPE) == 0)
      sigtimedwait(&signal_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  /// What a write failed with, or 0.
  int see(int failed) noexcept {
    seen_ = seen_ || failed == EPIPE;
    return failed;
  }

 private:
  sigset_t signal_{};
  sigset_t before_{};
  bool seen_ = false;
};

/// On a thread.
int write_waiting(int descriptor, std::string_view bytes) {
  broken_pipes_are_errors here;
  return here.see(write_all(descriptor, bytes));
}

/// As many bytes as go without waiting; the rest is for a thread, as is what there is to say of an error.
std::size_t write_without_waiting(int descriptor, std::string_view bytes) {
  broken_pipes_are_errors here;
  const iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  const auto written = pwritev2(descriptor, &part, 1, -1, RWF_NOWAIT);
  here.see(written < 0 ? errno : 0);
  return written < 0 ? 0 : static_cast<std::size_t>(written);
}

std::uint64_t size_of(int descriptor) noexcept {
  struct stat there{};
  return fstat(descriptor, &there) == 0 ? static_cast<std::uint64_t>(there.st_size) : 0;
}

}  // namespace

void body_file::begin(const http::response& head) {
  if (hold_ != 0) return;
  open();
  if (!url_.empty() && !to_->in_place() && !how_.goes_on) kept_part::remember(to_->name(), url_, head);
}

void body_file::open() {
  to_.emplace(part_file::open(path_, how_));
  where_ = to_->name();
  size_ = how_.goes_on && to_->is_file() ? size_of(to_->descriptor()) : 0;
  // Its reader and this program then need not take turns for every 64 KiB.
  const int size_of_pipe = to_->is_file() ? -1 : fcntl(to_->descriptor(), F_GETPIPE_SZ);
  if (size_of_pipe > 0 && size_of_pipe < pipe_bytes) fcntl(to_->descriptor(), F_SETPIPE_SZ, pipe_bytes);
}

task<void> body_file::write(std::string_view piece) {
  if (!to_) {
    if (held_.size() + piece.size() <= hold_) {
      held_ += piece;
      co_return;
    }
    open();
    task<void> first = write_out(held_);
    co_await std::move(first);
    std::string().swap(held_);
  }
  task<void> writing = write_out(piece);
  co_await std::move(writing);
}

task<void> body_file::write_out(std::string_view bytes) {
  std::string_view rest = bytes;
  if (!to_->is_file()) rest.remove_prefix(write_without_waiting(to_->descriptor(), rest));
  if (!rest.empty()) {
    int failed = 0;
    const auto before = std::chrono::steady_clock::now();
    if (!to_->is_file() || on_thread_ > 0) {
      task<int> writing = to_thread(write_waiting, to_->descriptor(), rest);
      failed = co_await std::move(writing);
      --on_thread_;
    } else {
      failed = write_all(to_->descriptor(), rest);
    }
    if (std::chrono::steady_clock::now() - before > long_write) on_thread_ = writes_after_a_long_one;
    if (failed != 0) to_->fail(failed);
  }
  size_ += bytes.size();
}

void body_file::finish() {
  if (!to_) return;
  if (modified_ != 0 && to_->is_file()) {  // that a file system has no such times is no failure of the page
    const std::array<timespec, 2> times{{{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = modified_, .tv_nsec = 0}}};
    futimens(to_->descriptor(), times.data());
  }
  to_->finish();
  if (!url_.empty() && !to_->in_place()) kept_part::forget(to_->name());
  where_ = path_;
}

std::optional<std::string> body_file::take_held() {
  if (to_) return std::nullopt;
  return std::move(held_);
}

void body_file::finish_as_it_is() {
  how_.goes_on = true;
  open();
  finish();
}

void body_file::cut() noexcept {
  try {
    if (!to_ && !held_.empty() && path_ != "-") {  // what went to standard output cannot be taken back
      open();
      write_all(to_->descriptor(), held_);
    }
  } catch (const std::exception&) {  // then there is nothing of it
    where_.clear();
  }
  if (!to_) return;
  if (to_->is_file()) size_ = size_of(to_->descriptor());
  if (!to_->in_place() && size_ == 0) where_.clear();
  to_->leave();
}

}  // namespace fanout::fetch::detail
