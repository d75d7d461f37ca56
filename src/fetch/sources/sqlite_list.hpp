#pragma once

#include "fetch/sources/request_list.hpp"
#include "fetch/sqlite/sqlite_database.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// \file
/// URLs from a table.
namespace fanout::fetch {

/// Where a list in a database is: "jobs.sqlite?table=pages&column=link".
struct sqlite_place {
  std::string path;
  std::string table;   ///< empty: the only one there is
  std::string column;  ///< empty: "url"
};

/// Of the argument of `-i`; empty where it names no database. Names are percent-decoded. Throws `std::runtime_error`
/// for a parameter that there is not.
std::optional<sqlite_place> sqlite_place_of(const std::string& list);

/// What tells this list from another one: how many rows there are, and the largest row id.
std::string identity_of_table(const sqlite_place& where);

/// The rows of a table or view, in the order of their row ids. Other columns come back in `request::extra`, numbers as
/// numbers, but for those whose names records have themselves. A thousand rows are read at a time, so no transaction
/// stays open meanwhile; of a view, or a table without row ids, one does.
///
/// Thread safety: none.
class sqlite_list final : public request_list {
 public:
  /// Throws `std::runtime_error` where there is no such table or column.
  explicit sqlite_list(const sqlite_place& where);
  ~sqlite_list() override;

  std::optional<request> next(bool passthrough) override;

 private:
  void prepare(const sqlite_place& where);
  void read_batch(bool passthrough);
  request row_as_request(bool passthrough) const;

  std::string name_;
  sqlite_database database_;
  sqlite_statement rows_;
  bool by_row_id_ = false;
  bool ended_ = false;
  std::int64_t last_row_id_ = 0;
  std::int64_t row_ = 0;
  std::vector<request> batch_;
  std::size_t next_ = 0;
  int url_at_ = 0;
};

}  // namespace fanout::fetch
