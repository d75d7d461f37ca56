#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

/// \file
/// A database of SQLite, as far as sources and sinks of records need it.
namespace fanout::fetch {

/// What SQLite says of a call that failed.
class sqlite_error : public std::runtime_error {
 public:
  sqlite_error(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
  /// The primary result code: SQLITE_BUSY, SQLITE_FULL, ...
  int code() const noexcept { return code_; }

 private:
  int code_;
};

/// Whether a file begins as databases of SQLite do.
bool is_sqlite_file(const std::string& path);
/// A name in double quotes, as SQL has it.
std::string quoted_name(std::string_view name);

/// A statement that is prepared once. Parameters are numbered from 1, columns from 0. Texts and blobs that are bound
/// are not copied: they have to live until `step` or `run` has returned.
///
/// Thread safety: none; belongs to the thread that uses its database.
class sqlite_statement {
 public:
  sqlite_statement() = default;
  sqlite_statement(sqlite3* database, const std::string& sql);

  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t number);
  void bind_real(int parameter, double number);
  void bind_blob(int parameter, std::string_view bytes);
  void bind_null(int parameter);

  /// The next row; false where there is none, and the statement may be begun anew.
  bool step();
  /// For statements without rows.
  void run();
  /// Ends what is under way, so that no transaction of it stays open.
  void reset();

  int columns() const;
  std::string column_name(int column) const;
  bool is_null(int column) const;
  bool is_number(int column) const;
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;  ///< valid until the next step

 private:
  [[noreturn]] void fail(int code) const;
  struct finalizer {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  sqlite3* database_ = nullptr;
  std::unique_ptr<sqlite3_stmt, finalizer> statement_;
};

/// An open database. Destroying it closes it.
///
/// Thread safety: none.
class sqlite_database {
 public:
  enum class mode { read, write };
  /// Throws `sqlite_error`. Waits up to 10 s for a lock of another program.
  sqlite_database(const std::string& path, mode how);

  void run(const std::string& sql);
  sqlite_statement prepare(const std::string& sql) { return {database_.get(), sql}; }
  /// The number in the first column of the first row.
  std::int64_t number(const std::string& sql);
  bool has_table(const std::string& name);
  /// After each commit: how many pages the write-ahead log has. Without it SQLite itself does checkpoints.
  void on_commit(std::function<void(int pages)> call);
  enum class checkpoint_kind {
    partial,  ///< what no transaction of another connection is in the way of
    whole,    ///< all, and the log is emptied
  };
  /// Moves what the write-ahead log has into the database, without waiting. False where a transaction of another
  /// connection was in the way.
  bool checkpoint(checkpoint_kind how);

 private:
  struct closer {
    void operator()(sqlite3* database) const noexcept;
  };
  std::unique_ptr<sqlite3, closer> database_;
  std::function<void(int)> on_commit_;
};

}  // namespace fanout::fetch
