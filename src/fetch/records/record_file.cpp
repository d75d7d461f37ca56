#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/output.hpp>
#include <fanout/fetch/record_file.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include "fetch/encoding/gzip_members.hpp"
#include "fetch/encoding/zstd_frames.hpp"
#include "fetch/records/record_scan.hpp"

#include <fmt/format.h>

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace fanout::fetch {
namespace {

/// So much text is packed together. Larger units pack little better, and a reader waits longer for each.
constexpr std::size_t unit_bytes = 64 * 1024;

std::optional<std::uint64_t> size_of_file(const std::string& path) {
  struct stat is{};
  if (::stat(path.c_str(), &is) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(is.st_size);
}

[[noreturn]] void cannot_rename(const std::string& path) {
  throw output_error(fmt::format("cannot rename {}: {}", path, std::strerror(errno)));
}

}  // namespace

class record_file::implementation {
 public:
  implementation(const std::string& path, record_format format, record_file_options how)
      : path_(path), format_(format), how_(std::move(how)) {
    open();
    if (resumed_) find_earlier();
    thread_ = std::thread([this] { run(); });
  }
  ~implementation() {
    end_thread();
    try {
      if (!closed_) keep();
    } catch (...) {  // NOLINT(bugprone-empty-catch): who destroys it without keep() wants to know of nothing
    }
  }

  const done_set& done() const noexcept { return done_; }
  bool resumed() const noexcept { return resumed_; }
  record_format format() const noexcept { return format_; }
  const std::vector<earlier_file>& earlier() const noexcept { return earlier_; }

  bool add(mark of, void (*encode)(const void*, std::string&), const void* call) {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    const std::size_t before = text_.size();
    try {
      encode(call, text_);
    } catch (...) {  // half a record is none
      text_.resize(before);
      throw;
    }
    marks_.push_back(of);
    return text_.size() >= unit_bytes;
  }

  void flush() {
    const std::lock_guard writes(writing_);
    {
      const std::lock_guard lock(mutex_);
      if (failure_) std::rethrow_exception(failure_);
      text_.swap(taken_text_);
      marks_.swap(taken_marks_);
    }
    try {
      if (!taken_marks_.empty()) write();
    } catch (...) {
      fail();
    }
    taken_text_.clear();
    taken_marks_.clear();
  }

  void write_one(mark of, const std::function<void(std::string&, const warc_encoder::drain&)>& encode) {
    flush();
    const std::lock_guard writes(writing_);
    {
      const std::lock_guard lock(mutex_);
      if (failure_) std::rethrow_exception(failure_);
    }
    const std::uint64_t before = length_;
    try {
      packed_.clear();
      if (length_ == 0) begin_archive();
      encode(packed_, [this](std::string& text) { put(text); });
      put(packed_);
    } catch (...) {  // half a record is none; what is there of it is cut off at the end
      length_ = before;
      fail();
    }
    try {
      wrote({&of, 1});
    } catch (...) {
      fail();
    }
  }

  void close() {
    finish_writing();
    if (done_.size() == 0 && written_ == 0) {
      if (rotates() || size_of_file(path_)) return discard();
      write_empty();
      ::unlink(journal_name().c_str());
    }
    if (!rotates() || part_records_ > 0)
      finish_part();
    else
      drop_part();
  }
  void keep() {
    if (!how_.goes_on_later && !rotates() && !size_of_file(path_)) return close();
    finish_writing();
    if (written_ == 0 && !resumed_) discard();
  }

 private:
  bool rotates() const noexcept { return how_.rotate_bytes > 0 || how_.rotate_records > 0; }
  std::string name_of(std::uint64_t part) const {
    if (!rotates()) return path_;
    const auto name = split_record_name(path_);
    return fmt::format("{}-{:05}{}", name.stem, part, name.extension);
  }
  std::string journal_name() const { return path_ + ".journal"; }

  // Opening -----------------------------------------------------------------------------------------------------------

  void open() {
    how_.identity.emplace_back("format", to_string(format_));
    if (rotates())
      how_.identity.emplace_back("rotation",
                                 fmt::format("{} bytes, {} records", how_.rotate_bytes, how_.rotate_records));
    std::optional<journal_contents> was;
    if (!how_.begins_anew && size_of_file(journal_name())) was = read_journal(journal_name());
    if (was) part_ = was->sink_part;
    if (was && !size_of_file(detail::part_file::part_name(name_of(part_))) && !follows_whole_part(*was)) {
      if (how_.retry_failed && size_of_file(name_of(part_))) return go_on(*was);  // all was done, and some failed
      if (!never_wrote(*was)) was.reset();                                        // the job had ended, or is another
    }
    if (was) return go_on(*was);
    if (how_.retry_failed)
      throw journal_error(fmt::format("--retry-failed: there is no journal {} of an earlier run", journal_name()));
    part_ = 0;
    if (rotates()) refuse_old_parts();
    ::unlink(journal_name().c_str());  // of a job that has ended; what it wrote stays until this one has ended
    journal_.emplace(journal_name(), how_.identity, journal_options());
    open_part(false);
  }

  /// The same job made its journal, and was ended before there was a record. Bodies beside may be there.
  bool never_wrote(const journal_contents& was) const {
    return was.done.size() == 0 && !how_.retry_failed && !size_of_file(name_of(part_)) &&
           difference(was.identity, how_.identity).empty();
  }

  void find_earlier() {
    for (std::uint64_t part = 0; part < part_; ++part)
      if (const auto size = size_of_file(name_of(part))) earlier_.push_back({name_of(part), *size});
    if (length_ > 0) earlier_.push_back({file_->name(), length_});
  }

  void refuse_old_parts() const {
    if (size_of_file(name_of(0)))
      throw output_error(
          fmt::format("cannot write to {}: it is there already, of a job that has ended; move or remove "
                      "its files",
                      name_of(0)));
  }

  /// With rotation: the file that the journal speaks of has its name, and the next one is or is not begun.
  bool follows_whole_part(const journal_contents& was) {
    if (!rotates() || was.done.size() == 0) return false;
    last_whole_ = name_of(part_++);
    return true;
  }

  void go_on(journal_contents& was) {
    if (const std::string differs = difference(was.identity, how_.identity); !differs.empty())
      throw journal_error(fmt::format(
          "cannot go on with {}: {}. Give what was given before, or remove {}.part and {}.journal to begin anew", path_,
          differs, path_, path_));
    if (how_.retry_failed) {
      if (rotates()) throw journal_error("--retry-failed: records in files that were rotated cannot be taken out");
      return go_on_without_failed();
    }
    resumed_ = true;
    open_part(true);  // and locked
    read_part(was);
    if (::ftruncate(descriptor_, static_cast<off_t>(length_)) != 0) file_->fail(errno);
    // The process may have been killed before its hook had ended.
    if (how_.on_close && !last_whole_.empty() && size_of_file(last_whole_)) how_.on_close(last_whole_);
  }

  /// What the file holds is what the journal says, up to a length, and what is whole behind it.
  void read_part(journal_contents& was) {
    const std::string& name = file_->name();
    const std::uint64_t size = size_of_file(name).value_or(0);
    const bool next_part = part_ != was.sink_part;  // nothing of it is in the journal
    if (!next_part && size < was.sink_length) {
      if (rotates())
        throw journal_error(fmt::format("{} has {} bytes, and its journal knows of {}: something else has changed it",
                                        name, size, was.sink_length));
      return read_all(name);
    }
    length_ = next_part ? 0 : was.sink_length;
    done_ = std::move(was.done);
    if (how_.rotate_records > 0)
      scan_records(name, format_, 0, [this](record_mark) { ++part_records_; });
    else
      part_records_ = length_ > 0 ? 1 : 0;
    std::vector<mark> behind;
    if (same_boot(was))
      length_ = scan_records(name, format_, length_, [this, &behind](record_mark found) {
        if (done_.insert(found.index)) behind.push_back({found.index, found.failed});
      });
    journal_.emplace(journal_name(), was, journal_options());
    journal_->add_all(behind, length_, part_);
    if (!behind.empty()) part_records_ = std::max<std::uint64_t>(part_records_, 1);
  }

  /// The journal knows of more than there is: a new one of what is there.
  void read_all(const std::string& name) {
    std::vector<mark> found;
    length_ = scan_records(name, format_, 0, [this, &found](record_mark each) {
      if (done_.insert(each.index)) found.push_back({each.index, each.failed});
    });
    journal_.emplace(journal_name(), how_.identity, journal_options());
    journal_->add_all(found, length_, part_);
    part_records_ = found.size();
  }

  /// Writes the file anew, without the records of what failed; the journal follows it.
  void go_on_without_failed() {
    const std::string part = detail::part_file::part_name(path_);
    const bool under_way = size_of_file(part).has_value();
    const std::string from = under_way ? part : path_;
    const std::string made = path_ + ".retry";
    done_set failed;  // also of what no journal knows of
    scan_records(from, format_, 0, [&failed](record_mark each) {
      if (each.failed) failed.insert(each.index);
    });
    std::vector<mark> kept;
    length_ = copy_records(from, format_, failed, made, [this, &kept](record_mark each) {
      if (done_.insert(each.index)) kept.push_back({each.index, false});
    });
    // With this file and the old journal the next run would read all of it.
    if (::rename(made.c_str(), part.c_str()) != 0) cannot_rename(made);
    journal_.emplace(journal_name(), how_.identity, journal_options());
    resumed_ = true;
    open_part(true);
    journal_->add_all(kept, length_, part_);
    part_records_ = kept.size();
  }

  void open_part(bool goes_on) {
    file_.emplace(detail::part_file::open(name_of(part_), {.goes_on = true}));
    if (file_->in_place()) throw output_error(fmt::format("cannot write a file next to {}", name_of(part_)));
    descriptor_ = file_->descriptor();
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0)
      throw journal_error(fmt::format("{} is being written by another process", file_->name()));
    if (goes_on) return;
    if (::ftruncate(descriptor_, 0) != 0) file_->fail(errno);
    length_ = part_records_ = 0;
  }

  journal::options journal_options() {
    return {.sync_sink =
                [this] {
                  const int descriptor = descriptor_;
                  if ((how_.sync_file_system ? ::syncfs(descriptor) : ::fdatasync(descriptor)) != 0) file_->fail(errno);
                },
            .interval = how_.interval};
  }

  /// In a handler: what it has caught is what all calls throw from now on.
  [[noreturn]] void fail() {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    throw;
  }

  // Writing -----------------------------------------------------------------------------------------------------------

  void write() {
    packed_.clear();
    if (length_ == 0 && is_warc(format_)) begin_archive();
    if (format_ == record_format::gzip_lines)
      gzip_.append(packed_, taken_text_);
    else if (format_ == record_format::zstd_lines)
      zstd_.append(packed_, taken_text_);
    else
      packed_ += taken_text_;
    put(packed_);
    wrote(taken_marks_);
  }

  void put(std::string& text) {
    if (const int failed = write_all(descriptor_, text))
      throw output_error(
          fmt::format("cannot write to {}: {}; {} records are whole: run the same command again to go on",
                      file_->name(), std::strerror(failed), done_.size() + written_));
    length_ += text.size();
    text.clear();
  }

  void wrote(std::span<const mark> marks) {
    written_ += marks.size();
    part_records_ += marks.size();
    journal_->add_all(marks, length_, part_);
    if ((how_.rotate_bytes > 0 && length_ >= how_.rotate_bytes) ||
        (how_.rotate_records > 0 && part_records_ >= how_.rotate_records))
      rotate();
  }

  /// What a reader of the format takes for no records.
  void write_empty() {
    packed_.clear();
    if (is_warc(format_)) begin_archive();
    if (format_ == record_format::gzip_lines) gzip_.append(packed_, {});
    if (format_ == record_format::zstd_lines) zstd_.append(packed_, {});
    if (const int failed = write_all(descriptor_, packed_)) file_->fail(failed);
  }

  void begin_archive() {
    warc_encoder({.gzip = format_ == record_format::warc_gzip})
        .append_info(packed_,
                     {{"software", "fanout/" FANOUT_VERSION},
                      {"format", "WARC File Format 1.1"},
                      {"conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"}},
                     std::chrono::system_clock::now());
  }

  /// What the journal says of a file is true before it gets its name.
  void rotate() {
    journal_->commit();
    finish_part();
    ++part_;
    open_part(false);
  }
  void finish_part() {
    const std::string name = name_of(part_);
    file_->finish();
    file_.reset();
    if (how_.on_close) how_.on_close(name);
  }
  void drop_part() {
    file_->leave();
    file_.reset();
  }

  void finish_writing() {
    end_thread();
    closed_ = true;
    flush();
    journal_->commit();
    if (::ftruncate(descriptor_, static_cast<off_t>(length_)) != 0) file_->fail(errno);
    journal_->close();
    journal_.reset();
  }
  /// Nothing was done.
  void discard() {
    if (::ftruncate(descriptor_, 0) == 0) file_->leave();
    file_.reset();
    ::unlink(journal_name().c_str());
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      wakes_.wait_for(lock, how_.interval / 2, [this] { return ending_; });
      if (marks_.empty() || failure_ || ending_) continue;
      lock.unlock();
      try {
        flush();
      } catch (...) {  // NOLINT(bugprone-empty-catch): the next add() throws it
      }
      lock.lock();
    }
  }
  void end_thread() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wakes_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  const std::string path_;
  const record_format format_;
  record_file_options how_;
  done_set done_;
  bool resumed_ = false;
  std::vector<earlier_file> earlier_;
  std::string last_whole_;  ///< of files before this one

  std::mutex writing_;  ///< guards what follows, to the next mutex
  std::optional<detail::part_file> file_;
  std::atomic<int> descriptor_{-1};
  std::optional<journal> journal_;
  gzip_members gzip_;
  zstd_frames zstd_;
  std::string taken_text_;
  std::vector<mark> taken_marks_;
  std::string packed_;
  std::uint64_t part_ = 0;
  std::uint64_t length_ = 0;
  std::uint64_t part_records_ = 0;
  std::uint64_t written_ = 0;
  bool closed_ = false;

  std::mutex mutex_;  ///< guards what follows
  std::condition_variable wakes_;
  std::string text_;
  std::vector<mark> marks_;
  std::exception_ptr failure_;
  bool ending_ = false;
  std::thread thread_;
};

record_file::record_file(const std::string& path, record_format format, record_file_options how)
    : implementation_(std::make_unique<implementation>(path, format, std::move(how))) {}
record_file::~record_file() = default;

const done_set& record_file::done() const noexcept {
  return implementation_->done();
}
bool record_file::resumed() const noexcept {
  return implementation_->resumed();
}
record_format record_file::format() const noexcept {
  return implementation_->format();
}
const std::vector<record_file::earlier_file>& record_file::earlier() const noexcept {
  return implementation_->earlier();
}
bool record_file::add_by(mark of, void (*encode)(const void* call, std::string& text), const void* call) {
  return implementation_->add(of, encode, call);
}
void record_file::write(mark of, const std::function<void(std::string&, const warc_encoder::drain&)>& encode) {
  implementation_->write_one(of, encode);
}
void record_file::flush() {
  implementation_->flush();
}
void record_file::close() {
  implementation_->close();
}
void record_file::keep() {
  implementation_->keep();
}

}  // namespace fanout::fetch
