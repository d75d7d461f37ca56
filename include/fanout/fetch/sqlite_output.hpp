#pragma once

#include <fanout/fetch/journal.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/fetch/sinks.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

/// \file
/// Records of a job in a database.
namespace fanout::fetch {

struct sqlite_output_options {
  job_identity identity = {};  ///< the records of another job are not gone on with
  bool begins_anew = false;    ///< records of an earlier run are deleted
  /// False: the inputs cannot be read again, so records of an earlier run are in the way, unless it begins anew.
  bool goes_on = true;
  bool retry_failed = false;  ///< records of requests that failed are deleted, so that they are fetched again
  json_fields with = {.headers = false, .body = false};
  std::function<void(const std::string& path)> on_close = {};  ///< called with the whole database
  std::chrono::milliseconds interval{1'000};                   ///< records are committed after that, at the latest
  std::uint64_t most_wal_bytes = std::uint64_t{64} << 20;      ///< of the write-ahead log, and one record on top
  /// \name While the log is full, and a transaction of another program keeps it from being emptied
  /// @{
  std::function<void(const std::string& why)> on_wait = {};  ///< told once for each wait
  std::function<bool()> stopping = {};                       ///< true: it waits no longer, and the log grows
  std::chrono::milliseconds patience{600'000};               ///< after which it throws `output_error`
  /// @}
};

/// Whether a name says that its file is a database of SQLite: `.sqlite`, `.sqlite3` or `.db`.
bool is_sqlite_name(std::string_view path) noexcept;

/// Each record as a row of the table `records` of a database of SQLite:
///
///     idx INTEGER PRIMARY KEY, id, url, status, bytes, elapsed_ms, attempts, http_version, error, message, final_url,
///     details, body_zstd
///
/// as the members of JSON Lines; `error` is its kind. `details` is an object of JSON with headers, timings and what
/// came with the input, where there are such; `body_zstd` is the body as a zstd frame, where bodies are kept. Other
/// programs may read the table while the job runs: it is in WAL mode, and committed every second at the latest.
///
/// The table itself says what is done. After the process was killed the same job goes on; of a job that is whole
/// nothing is left to do. Other tables of the database are left alone.
///
/// A reader that keeps a transaction open keeps the write-ahead log from being emptied. When it has reached
/// `most_wal_bytes`, the sink waits for the reader: the queue to it fills, and the job stands still.
///
/// Errors: `journal_error` where the records are of another job, or another process writes them; `output_error` where
/// the file is no database or cannot be written, with how many records are whole.
///
/// Thread safety: as any sink. A thread of its own commits, every `interval`.
class sqlite_output final : public sink {
 public:
  sqlite_output(const std::string& path, sqlite_output_options how);
  ~sqlite_output() override;

  bool wants_bodies() const override;
  bool wants_headers() const override;
  const done_set* done() const override;
  bool resumed() const noexcept;
  void take(finished& each, writer& to) override;
  void close() override;
  void close_stopped() override;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace fanout::fetch
