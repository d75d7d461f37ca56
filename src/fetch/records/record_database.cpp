#include "fetch/records/record_database.hpp"

#include <fanout/fetch/output_error.hpp>

#include <fmt/format.h>

#include <exception>
#include <optional>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr int rows_at_a_time = 1'000;

sqlite_database opened(const std::string& path) {
  try {
    if (!is_sqlite_file(path)) throw journal_error(fmt::format("{} is no database of SQLite", path));
    sqlite_database made(path, sqlite_database::mode::read);
    if (!made.has_table("fanout_job") || !made.has_table("records"))
      throw journal_error(fmt::format("{} is no database of a job: it has no tables fanout_job and records", path));
    return made;
  } catch (const sqlite_error& failed) {
    throw output_error(fmt::format("cannot read {}: {}", path, failed.what()));
  }
}

}  // namespace

record_database::record_database(const std::string& path) : path_(path), database_(opened(path)) {}

template <class Call>
auto record_database::reading(Call call) {
  try {
    return call();
  } catch (const sqlite_error& failed) {
    throw output_error(fmt::format("cannot read {}: {}", path_, failed.what()));
  }
}

bool record_database::is_complete() {
  return reading([this] {
    return database_.number("SELECT count(*) FROM fanout_job WHERE name = 'state' AND value = 'complete'") > 0;
  });
}

journal_contents record_database::contents() {
  journal_contents made;
  reading([&] {
    sqlite_statement fields =
        database_.prepare("SELECT name, value FROM fanout_job WHERE position > 0 ORDER BY position");
    while (fields.step()) made.identity.emplace_back(fields.text(0), fields.text(1));
  });
  each(false, [&made](const database_record& row) {
    made.done.insert(row.mark.index);
    if (row.mark.failed) made.failed.insert(row.mark.index);
  });
  return made;
}

void record_database::each(bool details, const std::function<void(const database_record&)>& found) {
  std::exception_ptr refused;  // by `found`, whose errors are its own
  reading([&] {
    sqlite_statement rows = database_.prepare(
        fmt::format("SELECT idx, url, bytes, error, {} FROM records WHERE idx >= ?1 ORDER BY idx LIMIT {}",
                    details ? "details, body_zstd" : "NULL, NULL", rows_at_a_time));
    std::int64_t next = 0;
    for (bool more = true; more && !refused;) {
      rows.bind(1, next);
      more = false;
      while (rows.step()) {
        database_record row;
        next = rows.integer(0) + 1;
        row.mark = {static_cast<std::uint64_t>(rows.integer(0)), !rows.is_null(3)};
        row.url = rows.text(1);
        row.bytes = static_cast<std::uint64_t>(rows.integer(2));
        row.error = rows.text(3);
        row.details = rows.text(4);
        row.body_zstd = rows.text(5);
        more = true;
        try {
          found(row);
        } catch (...) {
          refused = std::current_exception();
          rows.reset();
          break;
        }
      }
    }
  });
  if (refused) std::rethrow_exception(refused);
}

std::vector<std::string> record_database::damage() {
  return reading([this] {
    std::vector<std::string> made;
    sqlite_statement checking = database_.prepare("PRAGMA integrity_check(10)");
    while (checking.step())
      if (checking.text(0) != "ok") made.emplace_back(checking.text(0));
    return made;
  });
}

void join_databases(const std::vector<std::string>& from, const std::string& path) {
  const std::string* reads = nullptr;
  try {
    sqlite_database to(path, sqlite_database::mode::write);
    // Nobody reads it before it has its name, and what is half done is thrown away.
    to.run("PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    for (const std::string& each : from) {
      const bool first = std::exchange(reads, &each) == nullptr;
      sqlite_statement attaching = to.prepare("ATTACH DATABASE ?1 AS shard");
      attaching.bind(1, each);
      attaching.run();
      to.run("BEGIN");
      if (first) {
        std::vector<std::string> makes;
        sqlite_statement tables = to.prepare(
            "SELECT sql FROM shard.sqlite_schema WHERE tbl_name IN ('records', 'fanout_job') AND sql NOT NULL");
        while (tables.step()) makes.emplace_back(tables.text(0));
        for (const std::string& sql : makes) to.run(sql);
        to.run(
            "INSERT INTO fanout_job SELECT * FROM shard.fanout_job WHERE name <> '--shard';"
            "UPDATE fanout_job SET value = 'complete' WHERE name = 'state'");
      }
      to.run("INSERT INTO main.records SELECT * FROM shard.records ORDER BY idx; COMMIT; DETACH DATABASE shard");
    }
  } catch (const sqlite_error& failed) {
    throw output_error(reads != nullptr ? fmt::format("cannot copy {} into {}: {}", *reads, path, failed.what())
                                        : fmt::format("cannot write {}: {}", path, failed.what()));
  }
}

}  // namespace fanout::fetch
