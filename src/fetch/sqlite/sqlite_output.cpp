#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/sqlite_output.hpp>

#include "fetch/sqlite/sqlite_database.hpp"
#include "fetch/text/text.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace fanout::fetch {
namespace {

constexpr std::uint64_t page_bytes = 16 * 1024;       // measured: a third faster than 4 KiB
constexpr std::uint64_t transaction_bytes = 1 << 20;  // more is not faster
constexpr std::uint64_t most_blob_bytes = 999'000'000;
constexpr int body_level = 3;

constexpr const char* schema = R"(
CREATE TABLE records(
  idx INTEGER PRIMARY KEY, id TEXT, url TEXT NOT NULL, status INTEGER, bytes INTEGER NOT NULL, elapsed_ms REAL NOT NULL,
  attempts INTEGER NOT NULL, http_version TEXT, error TEXT, message TEXT, final_url TEXT, details TEXT, body_zstd BLOB);
CREATE INDEX records_by_error ON records(error) WHERE error IS NOT NULL;
CREATE TABLE fanout_job(position INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL);
)";

/// A record until the writer's thread inserts it.
struct record_row {
  std::uint64_t index = 0;
  std::string id;
  std::string url;
  std::int32_t status = 0;
  std::uint64_t bytes = 0;
  std::int64_t elapsed_ns = 0;
  std::int32_t attempts = 0;
  std::uint8_t http_version = 0;
  std::string_view error;  ///< a name that lives as long as the program
  std::string message;
  std::string final_url;
  std::string details;
  std::optional<std::string> body;

  std::uint64_t size() const {
    return 128 + url.size() + message.size() + final_url.size() + details.size() + (body ? body->size() : 0);
  }
};

std::string_view version_name(std::uint8_t version) {
  return version == 20 ? "2" : version == 11 ? "1.1" : version == 10 ? "1.0" : "";
}

/// Programs in other languages refuse texts that are no UTF-8.
std::string as_utf8(const std::string& text) {
  return is_utf8(text) ? text : repaired(text);
}

}  // namespace

bool is_sqlite_name(std::string_view path) noexcept {
  constexpr std::array<std::string_view, 3> ends{".sqlite", ".sqlite3", ".db"};
  for (const std::string_view end : ends)
    if (path.size() > end.size() && path.ends_with(end)) return true;
  return false;
}

class sqlite_output::implementation {
 public:
  implementation(const std::string& path, sqlite_output_options how) : path_(path), how_(std::move(how)) {
    how_.identity.emplace_back("format", "SQLite");
    lock();
    try {
      open();
    } catch (const sqlite_error& failed) {
      throw output_error(fmt::format("cannot write to {}: {}", path_, failed.what()));
    }
    thread_ = std::thread([this] { commit_in_time(); });
  }
  ~implementation() {
    end_thread();
    try {
      commit();
    } catch (...) {  // NOLINT(bugprone-empty-catch): who destroys it without closing wants to know of nothing
    }
  }

  const sqlite_output_options& how() const noexcept { return how_; }
  const done_set& done() const noexcept { return done_; }
  bool resumed() const noexcept { return resumed_; }

  void insert(const record_row& row) {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    guarded([&] {
      if (!std::exchange(in_transaction_, true)) database_->run("BEGIN IMMEDIATE");
      bind_and_insert(row);
      ++pending_;
      pending_bytes_ += row.size();
      if (pending_bytes_ >= transaction_bytes) commit_now();
    });
  }

  void close(bool whole) {
    end_thread();
    commit();
    guarded([&] {
      check_that_it_is_there();
      if (whole) database_->run("UPDATE fanout_job SET value = 'complete' WHERE name = 'state'");
      database_->checkpoint(sqlite_database::checkpoint_kind::whole);
    });
    insert_ = {};  // a statement keeps its database open
    database_.reset();
    if (whole && how_.on_close) how_.on_close(path_);
  }

 private:
  /// Another process that writes is told from readers by a lock that SQLite knows nothing of. The descriptor is closed
  /// after the database: to close one drops all POSIX locks that the process has on the file.
  void lock() {
    lock_ = fanout::detail::owned_descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!lock_) throw output_error(fmt::format("cannot write to {}: {}", path_, std::strerror(errno)));
    if (::flock(lock_.value(), LOCK_EX | LOCK_NB) != 0)
      throw journal_error(fmt::format("{} is being written by another process", path_));
  }

  void open() {
    database_.emplace(path_, sqlite_database::mode::write);
    struct stat is{};
    if (::fstat(lock_.value(), &is) == 0 && is.st_size == 0)
      database_->run(fmt::format("PRAGMA page_size = {}", page_bytes));
    database_->run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    page_bytes_ = static_cast<std::uint64_t>(database_->number("PRAGMA page_size"));
    database_->on_commit([this](int pages) { log_pages_ = static_cast<std::uint64_t>(pages); });
    const bool ours = database_->has_table("fanout_job");
    if (!ours && database_->has_table("records"))
      throw output_error(
          fmt::format("cannot write to {}: its table \"records\" is not one of fanout; give another file", path_));
    database_->run("BEGIN IMMEDIATE");
    if (ours && how_.begins_anew) database_->run("DROP TABLE records; DROP TABLE fanout_job");
    if (!ours || how_.begins_anew)
      begin_anew();
    else
      go_on();
    database_->run("COMMIT");
    insert_ = database_->prepare("INSERT INTO records VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
  }

  void begin_anew() {
    if (how_.retry_failed)
      throw journal_error(fmt::format("--retry-failed: there are no records of an earlier run in {}", path_));
    database_->run(schema);
    sqlite_statement adding = database_->prepare("INSERT INTO fanout_job VALUES(?1, ?2, ?3)");
    std::int64_t position = 0;
    const auto add = [&](const std::string& name, const std::string& value) {
      adding.bind(1, position++);
      adding.bind(2, name);
      adding.bind(3, value);
      adding.run();
    };
    add("state", "running");
    for (const auto& [name, value] : how_.identity) add(name, value);
  }

  void go_on() {
    job_identity was;
    sqlite_statement reading =
        database_->prepare("SELECT name, value FROM fanout_job WHERE position > 0 ORDER BY position");
    while (reading.step()) was.emplace_back(reading.text(0), reading.text(1));
    if (!how_.goes_on)
      throw journal_error(fmt::format(
          "{} has records of an earlier run, and this run cannot go on with it: its list cannot be read again. Give "
          "--restart to replace them, or another file",
          path_));
    if (const std::string differs = difference(was, how_.identity); !differs.empty())
      throw journal_error(
          fmt::format("cannot go on with {}: {}. Give what was given before, or --restart to replace its "
                      "records",
                      path_, differs));
    if (how_.retry_failed) database_->run("DELETE FROM records WHERE error IS NOT NULL");
    database_->run("UPDATE fanout_job SET value = 'running' WHERE name = 'state'");
    sqlite_statement found = database_->prepare("SELECT idx FROM records");
    while (found.step()) done_.insert(static_cast<std::uint64_t>(found.integer(0)));
    resumed_ = true;
  }

  void bind_and_insert(const record_row& row) {
    const auto text_or_null = [this](int at, std::string_view text) {
      if (text.empty())
        insert_.bind_null(at);
      else
        insert_.bind(at, text);
    };
    std::string note;
    insert_.bind(1, static_cast<std::int64_t>(row.index));
    text_or_null(2, row.id);
    insert_.bind(3, std::string_view(row.url));
    if (row.status == 0)
      insert_.bind_null(4);
    else
      insert_.bind(4, std::int64_t{row.status});
    insert_.bind(5, static_cast<std::int64_t>(row.bytes));
    const std::int64_t elapsed_us = row.elapsed_ns / 1'000;
    insert_.bind_real(6, static_cast<double>(elapsed_us) / 1'000);
    insert_.bind(7, std::int64_t{row.attempts});
    text_or_null(8, version_name(row.http_version));
    text_or_null(9, row.error);
    text_or_null(10, row.message);
    text_or_null(11, row.final_url);
    text_or_null(12, row.details);
    insert_.bind_null(13);
    if (row.body) {
      pack(*row.body);
      if (packed_.size() <= most_blob_bytes)
        insert_.bind_blob(13, packed_);
      else if (row.message.empty())
        insert_.bind(10, note = fmt::format("the body of {} bytes is too large for a database", row.bytes));
    }
    insert_.run();
  }

  void pack(const std::string& body) {
    packed_.resize(ZSTD_compressBound(body.size()));
    const std::size_t size =
        ZSTD_compressCCtx(zstd_.get(), packed_.data(), packed_.size(), body.data(), body.size(), body_level);
    if (ZSTD_isError(size)) throw std::bad_alloc();
    packed_.resize(size);
  }

  void commit() {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    guarded([this] { commit_now(); });
  }

  /// SQLite goes on in a file that has no name any more, and all of it would be gone in the end.
  void check_that_it_is_there() const {
    struct stat ours{};
    struct stat there{};
    if (::fstat(lock_.value(), &ours) == 0 && ::stat(path_.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
        ours.st_dev == there.st_dev)
      return;
    throw output_error(fmt::format("{} was removed or replaced while it was written to", path_));
  }

  void commit_now() {
    if (!in_transaction_) return;
    check_that_it_is_there();
    database_->run("COMMIT");
    in_transaction_ = false;
    whole_ += std::exchange(pending_, 0);
    pending_bytes_ = 0;
    using enum sqlite_database::checkpoint_kind;
    const std::uint64_t log_bytes = log_pages_ * page_bytes_;
    if (log_bytes >= how_.most_wal_bytes / 4) database_->checkpoint(partial);
    // The next transaction may write some of its pages twice.
    if (log_bytes + 4 * transaction_bytes < how_.most_wal_bytes || database_->checkpoint(whole)) return;
    if (!ending_ && !(how_.stopping && how_.stopping())) wait_for_readers();
  }

  /// Nothing but the end of the reader's transaction lets the log be written from its beginning.
  void wait_for_readers() {
    const std::string why =
        fmt::format("{}-wal has {} MiB, and cannot be emptied while another program has a transaction open on {}",
                    path_, log_pages_ * page_bytes_ >> 20, path_);
    if (how_.on_wait) how_.on_wait(why + "; the run waits for its end");
    const auto until = std::chrono::steady_clock::now() + how_.patience;
    while (!database_->checkpoint(sqlite_database::checkpoint_kind::whole)) {
      if (how_.stopping && how_.stopping()) return;  // what is under way is not much more
      if (std::chrono::steady_clock::now() >= until)
        throw output_error(
            fmt::format("{}; {} records are whole: run the same command again to go on", why, done_.size() + whole_));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  /// With the lock.
  template <class Call>
  void guarded(Call call) {
    try {
      call();
    } catch (const sqlite_error& failed) {
      failure_ = std::make_exception_ptr(
          output_error(fmt::format("cannot write to {}: {}; {} records are whole: run the same command again to go on",
                                   path_, failed.what(), done_.size() + whole_)));
    } catch (...) {
      failure_ = std::current_exception();
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  void commit_in_time() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
      wakes_.wait_for(lock, how_.interval / 2, [this] { return ending_; });
      if (ending_ || failure_) continue;
      try {
        guarded([this] { commit_now(); });
      } catch (...) {  // NOLINT(bugprone-empty-catch): the next insert() throws it
      }
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

  struct zstd_closer {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  };

  const std::string path_;
  sqlite_output_options how_;
  fanout::detail::owned_descriptor lock_;
  done_set done_;
  bool resumed_ = false;

  std::mutex mutex_;  ///< guards what follows
  std::optional<sqlite_database> database_;
  sqlite_statement insert_;
  std::unique_ptr<ZSTD_CCtx, zstd_closer> zstd_{ZSTD_createCCtx()};
  std::string packed_;
  std::uint64_t page_bytes_ = page_bytes;
  std::uint64_t log_pages_ = 0;
  std::uint64_t pending_ = 0;
  std::uint64_t pending_bytes_ = 0;
  std::uint64_t whole_ = 0;  ///< committed by this run
  bool in_transaction_ = false;
  std::exception_ptr failure_;
  bool ending_ = false;
  std::condition_variable wakes_;
  std::thread thread_;
};

sqlite_output::sqlite_output(const std::string& path, sqlite_output_options how)
    : implementation_(std::make_unique<implementation>(path, std::move(how))) {}
sqlite_output::~sqlite_output() = default;

bool sqlite_output::wants_bodies() const {
  return implementation_->how().with.body;
}
bool sqlite_output::wants_headers() const {
  return implementation_->how().with.headers;
}
const done_set* sqlite_output::done() const {
  return &implementation_->done();
}
bool sqlite_output::resumed() const noexcept {
  return implementation_->resumed();
}

void sqlite_output::take(finished& each, writer& to) {
  record& result = each.result;
  if (result.error == failure_kind::cancelled) return;  // the next run sends it again
  const json_fields with = implementation_->how().with;
  auto row = std::make_shared<record_row>();
  row->index = each.index;
  row->id = as_utf8(each.asked.id);
  row->url = as_utf8(each.asked.url);
  row->status = result.status;
  row->bytes = result.bytes;
  row->elapsed_ns = result.elapsed_ns;
  row->attempts = result.attempts;
  row->http_version = result.http_version;
  if (result.error) row->error = to_string(*result.error);
  row->message = as_utf8(result.message);
  if (result.status != 0) row->final_url = result.final_url.empty() ? row->url : as_utf8(result.final_url);
  append_details(row->details, each.asked, result, with);
  if (with.body && result.body) {
    if (each.last_with_body)
      row->body = std::move(*result.body);
    else
      row->body = *result.body;
  }
  const std::uint64_t size = row->size();
  to.add(size, [this, row = std::move(row)] { implementation_->insert(*row); });
}

void sqlite_output::close() {
  implementation_->close(true);
}
void sqlite_output::close_stopped() {
  implementation_->close(false);
}

}  // namespace fanout::fetch
