#include "fetch/sources/sqlite_list.hpp"

#include <fanout/fetch/record_text.hpp>

#include "fetch/text/raw_members.hpp"
#include "fetch/text/text.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

namespace fanout::fetch {
namespace {

constexpr int batch_rows = 1'000;

int value_of_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? value_of_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? value_of_digit(text[i + 2]) : -1;
    if (low < 0) {
      made += text[i];
      continue;
    }
    made += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return made;
}

/// With commas. GCC 12 takes fmt::join, inlined at -O3, for a write past an end.
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& each : names) text += (text.empty() ? "" : ", ") + each;
  return text;
}

bool is_file(const std::string& path) {
  struct stat is{};
  return ::stat(path.c_str(), &is) == 0 && S_ISREG(is.st_mode);
}

std::vector<std::string> tables_of(sqlite_database& database) {
  std::vector<std::string> names;
  sqlite_statement reading = database.prepare(
      "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER "
      "BY name");
  while (reading.step()) names.emplace_back(reading.text(0));
  const auto own = [](const std::string& name) { return name == "records" || name == "fanout_job"; };
  if (std::find(names.begin(), names.end(), "fanout_job") != names.end()) std::erase_if(names, own);
  return names;
}

std::string table_in(sqlite_database& database, const sqlite_place& where) {
  if (!where.table.empty()) return where.table;
  const auto names = tables_of(database);
  if (names.size() != 1)
    throw std::runtime_error(fmt::format("has {} tables ({}); say which one, as in '{}?table=NAME'", names.size(),
                                         listed(names), where.path));
  return names.front();
}

/// In a view they would be null.
bool has_row_ids(sqlite_database& database, const std::string& table) {
  sqlite_statement asking =
      database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE");
  asking.bind(1, table);
  const bool is_table = asking.step();
  asking.reset();
  if (!is_table) return false;
  try {
    database.number(fmt::format("SELECT max(rowid) FROM {}", quoted_name(table)));
    return true;
  } catch (const sqlite_error&) {
    return false;
  }
}

/// With the name of the list before what `call` throws.
template <class Call>
auto named_by(const std::string& name, Call call) {
  try {
    return call();
  } catch (const std::runtime_error& failed) {
    throw std::runtime_error(fmt::format("cannot read the list of URLs from {}: {}", name, failed.what()));
  }
}

}  // namespace

std::optional<sqlite_place> sqlite_place_of(const std::string& list) {
  const auto mark = list.rfind('?');
  if (is_file(list) || mark == list.npos) {
    if (!is_file(list) || !is_sqlite_file(list)) return std::nullopt;  // nothing is read from a pipe
    return sqlite_place{list, {}, {}};
  }
  sqlite_place made{list.substr(0, mark), {}, {}};
  if (!is_file(made.path) || !is_sqlite_file(made.path)) return std::nullopt;
  for (std::string_view rest = std::string_view(list).substr(mark + 1); !rest.empty();) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto each = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto equals = std::min(each.find('='), each.size());
    const auto name = each.substr(0, equals);
    const std::string value = percent_decoded(each.substr(std::min(equals + 1, each.size())));
    if ((name != "table" && name != "column") || value.empty())
      throw std::runtime_error(fmt::format("{}: '{}' is neither table=NAME nor column=NAME", list, each));
    (name == "table" ? made.table : made.column) = value;
  }
  return made;
}

std::string identity_of_table(const sqlite_place& where) {
  return named_by(where.path, [&] {
    sqlite_database database(where.path, sqlite_database::mode::read);
    const std::string table = table_in(database, where);
    const std::string name = quoted_name(table);
    const auto rows = database.number(fmt::format("SELECT count(*) FROM {}", name));
    const auto last =
        has_row_ids(database, table) ? database.number(fmt::format("SELECT max(rowid) FROM {}", name)) : 0;
    return fmt::format("table {}, column {}, {} rows up to {}", table, where.column.empty() ? "url" : where.column,
                       rows, last);
  });
}

sqlite_list::sqlite_list(const sqlite_place& where)
    : name_(where.path),
      database_(named_by(name_, [&] { return sqlite_database(where.path, sqlite_database::mode::read); })) {
  named_by(name_, [&] { prepare(where); });
}
sqlite_list::~sqlite_list() = default;

void sqlite_list::prepare(const sqlite_place& where) {
  const std::string table = table_in(database_, where);
  by_row_id_ = has_row_ids(database_, table);
  const std::string name = quoted_name(table);
  // Its first column is what the next batch begins behind.
  rows_ = database_.prepare(
      by_row_id_ ? fmt::format("SELECT rowid, * FROM {} WHERE rowid > ?1 ORDER BY rowid LIMIT {}", name, batch_rows)
                 : fmt::format("SELECT 0, * FROM {}", name));
  const std::string column = where.column.empty() ? "url" : where.column;
  std::vector<std::string> columns;
  for (int i = 1; i < rows_.columns(); ++i) {
    columns.push_back(rows_.column_name(i));
    if (url_at_ == 0 && boost::beast::iequals(columns.back(), column)) url_at_ = i;
  }
  if (url_at_ == 0)
    throw std::runtime_error(fmt::format("table {} has no column '{}', but {}", table, column, listed(columns)));
  last_row_id_ = std::numeric_limits<std::int64_t>::min();
}

std::optional<request> sqlite_list::next(bool passthrough) {
  if (next_ == batch_.size() && !ended_) named_by(name_, [&] { read_batch(passthrough); });
  if (next_ == batch_.size()) return std::nullopt;
  return std::move(batch_[next_++]);
}

void sqlite_list::read_batch(bool passthrough) {
  batch_.clear();
  next_ = 0;
  if (by_row_id_) rows_.bind(1, last_row_id_);
  while (static_cast<int>(batch_.size()) < batch_rows) {
    if (!rows_.step()) {
      ended_ = !by_row_id_ || batch_.empty();
      return;
    }
    ++row_;
    if (by_row_id_) last_row_id_ = rows_.integer(0);
    batch_.push_back(row_as_request(passthrough));
  }
  if (by_row_id_) rows_.reset();  // and its transaction ends
}

request sqlite_list::row_as_request(bool passthrough) const {
  request made;
  made.method.clear();
  made.url = rows_.text(url_at_);
  if (made.url.empty()) made.problem = fmt::format("row {} of the table has no URL", row_);
  for (int i = 1; i < rows_.columns(); ++i) {
    const std::string name = rows_.column_name(i);
    if (i != url_at_) set_column(made, name, rows_.text(i));
    if (!passthrough || i == url_at_ || is_member_of_records(name)) continue;
    made.extra += ',';
    append_json_string(made.extra, name);
    made.extra += ':';
    if (rows_.is_null(i))
      made.extra += "null";
    else if (rows_.is_number(i) && rows_.text(i).find("nf") == std::string_view::npos)  // JSON has no infinity
      made.extra += rows_.text(i);
    else
      append_json_string(made.extra, rows_.text(i));
  }
  return made;
}

}  // namespace fanout::fetch
