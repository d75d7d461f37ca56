#pragma once

#include <fanout/fetch/journal.hpp>

#include "fetch/records/record_scan.hpp"
#include "fetch/sqlite/sqlite_database.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// A database that `sqlite_output` writes, for whoever looks at it.
namespace fanout::fetch {

/// A row of the table `records`. The views are valid during the call that gets it.
struct database_record {
  record_mark mark;
  std::string_view url;
  std::uint64_t bytes = 0;
  std::string_view error;      ///< its kind; empty: none
  std::string_view details;    ///< an object of JSON; empty: none
  std::string_view body_zstd;  ///< a frame; empty: no body was kept
};

/// The records of a job in a database. It is opened for reading alone, and no transaction of it stays open, so that a
/// job that writes to it goes on.
///
/// Errors: `journal_error` where the file is no database of a job, `output_error` where it cannot be read.
///
/// Thread safety: none.
class record_database {
 public:
  explicit record_database(const std::string& path);

  bool is_complete();
  /// What a journal would say; of a file's length it says nothing.
  journal_contents contents();
  /// All rows by index; of those that are inserted meanwhile some. `details`: they and the bodies are read, too.
  void each(bool details, const std::function<void(const database_record&)>& found);
  /// What SQLite finds wrong with the file: the first ten.
  std::vector<std::string> damage();

 private:
  template <class Call>
  auto reading(Call call);

  const std::string path_;
  sqlite_database database_;
};

/// Writes the rows of databases of one job into a new one, which is a database of that job, complete. `path` must not
/// be there, or be empty. Throws `output_error`, also where an index is in two of them. The caller syncs the file.
void join_databases(const std::vector<std::string>& from, const std::string& path);

}  // namespace fanout::fetch
