#include <fanout/fetch/journal.hpp>

#include "fetch/journal/boot_id.hpp"
#include "fetch/journal/journal_format.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

namespace fanout::fetch {
namespace {

[[noreturn]] void cannot_write(const std::string& path, int why) {
  throw output_error(fmt::format("cannot write {}: {}", path, std::strerror(why)));
}

void sync_directory_of(const std::string& path) {
  auto directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) cannot_write(path, errno);
  const int failed = ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  if (failed != 0 && failed != EINVAL) cannot_write(path, failed);  // EINVAL: there is nothing to sync
}

/// A descriptor that closes itself.
class file {
 public:
  file(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)), path_(path) {
    if (descriptor_ < 0) cannot_write(path_, errno);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  ~file() { ::close(descriptor_); }

  void append(std::string_view bytes) {
    if (const int failed = write_all(descriptor_, bytes); failed != 0) cannot_write(path_, failed);
  }
  void sync() {
    if (::fdatasync(descriptor_) != 0) cannot_write(path_, errno);
  }
  void cut(std::uint64_t length) {
    if (::ftruncate(descriptor_, static_cast<off_t>(length)) != 0) cannot_write(path_, errno);
    if (::lseek(descriptor_, 0, SEEK_END) < 0) cannot_write(path_, errno);
  }

 private:
  int descriptor_;
  std::string path_;
};

std::string made_with_header(const std::string& path, const job_identity& identity) {
  const std::string part = path + ".part";
  {
    file made(part, O_WRONLY | O_CREAT | O_TRUNC);
    made.append(encode_header(boot_id(), identity));
    made.sync();
  }
  if (::rename(part.c_str(), path.c_str()) != 0) cannot_write(path, errno);
  sync_directory_of(path);
  return path;
}

}  // namespace

class journal::implementation {
 public:
  implementation(const std::string& path, const std::uint64_t* length, options how)
      : file_(path, O_WRONLY), how_(std::move(how)) {
    if (length != nullptr)
      file_.cut(*length);
    else
      file_.cut(std::filesystem::file_size(path));
    thread_ = std::thread([this] { run(); });
  }

  ~implementation() {
    end();
    if (thread_.joinable()) thread_.join();
  }

  void add(std::span<const mark> written, std::uint64_t sink_length, std::uint64_t sink_part) {
    std::unique_lock lock(mutex_);
    // A disk that does not keep up slows the job.
    changed_.wait(lock, [this] { return waiting_.marks.size() < block_marks || failure_; });
    throw_failure();
    for (const mark& each : written) waiting_.marks.push_back(each.index << 1 | (each.failed ? 1 : 0));
    waiting_.sink_length = sink_length;
    waiting_.sink_part = sink_part;
    if (waiting_.marks.size() >= block_marks) changed_.notify_all();
  }

  void commit() {
    std::unique_lock lock(mutex_);
    wanted_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return (waiting_.marks.empty() && !writing_) || failure_; });
    throw_failure();
  }

  void close() {
    commit();
    end();
    thread_.join();
  }

 private:
  struct batch {
    std::vector<journal_mark> marks;
    std::uint64_t sink_length = 0;
    std::uint64_t sink_part = 0;
  };

  void throw_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }

  void run() {
    batch taken;
    std::unique_lock lock(mutex_);
    while (!failure_) {
      changed_.wait_for(lock, how_.interval,
                        [this] { return wanted_ || ending_ || waiting_.marks.size() >= block_marks; });
      if (!waiting_.marks.empty()) {
        std::swap(taken, waiting_);
        waiting_.sink_length = taken.sink_length;
        waiting_.sink_part = taken.sink_part;
        writing_ = true;
        changed_.notify_all();  // add() has room
        lock.unlock();
        std::exception_ptr failed;
        try {
          write(taken);
        } catch (...) {
          failed = std::current_exception();
        }
        taken.marks.clear();
        lock.lock();
        writing_ = false;
        failure_ = failed;
      } else if (ending_) {
        return;
      }
      if (waiting_.marks.empty()) wanted_ = false;
      changed_.notify_all();
    }
  }

  /// The order is what makes it right: the records, then that they are there.
  void write(batch& what) {
    if (how_.sync_sink) how_.sync_sink();
    std::string block;
    append_block(block, what.marks, what.sink_length, what.sink_part);
    file_.append(block);
    file_.sync();
  }

  file file_;
  options how_;
  std::mutex mutex_;  ///< guards all below
  std::condition_variable changed_;
  batch waiting_;
  bool writing_ = false;
  bool wanted_ = false;
  bool ending_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

journal::journal(const std::string& path, const job_identity& identity, options how)
    : implementation_(std::make_unique<implementation>(made_with_header(path, identity), nullptr, std::move(how))) {}
journal::journal(const std::string& path, const journal_contents& contents, options how)
    : implementation_(std::make_unique<implementation>(path, &contents.length, std::move(how))) {}
journal::~journal() = default;

void journal::add(std::uint64_t index, entry how) {
  const mark one{index, how.failed};
  implementation_->add({&one, 1}, how.sink_length, how.sink_part);
}
void journal::add_all(std::span<const mark> written, std::uint64_t sink_length, std::uint64_t sink_part) {
  if (!written.empty()) implementation_->add(written, sink_length, sink_part);
}
void journal::commit() {
  implementation_->commit();
}
void journal::close() {
  implementation_->close();
}

}  // namespace fanout::fetch
