#include "fetch/sqlite/sqlite_database.hpp"

#include <fmt/format.h>

#include <sqlite3.h>

#include <fstream>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr int lock_timeout_ms = 10'000;

[[noreturn]] void raise_sqlite(sqlite3* database, int code) {
  throw sqlite_error(code & 0xff, database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
}

}  // namespace

bool is_sqlite_file(const std::string& path) {
  constexpr std::string_view magic("SQLite format 3\0", 16);
  std::ifstream file(path, std::ios::binary);
  char first[16] = {};
  return file.read(first, sizeof first) && std::string_view(first, sizeof first) == magic;
}

std::string quoted_name(std::string_view name) {
  std::string made = "\"";
  for (const char c : name) {
    if (c == '"') made += '"';
    made += c;
  }
  return made + '"';
}

sqlite_statement::sqlite_statement(sqlite3* database, const std::string& sql) : database_(database) {
  sqlite3_stmt* made = nullptr;
  const int code =
      sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  if (code != SQLITE_OK) fail(code);
  statement_.reset(made);
}

void sqlite_statement::fail(int code) const {
  raise_sqlite(database_, code);
}

void sqlite_statement::bind(int parameter, std::string_view text) {
  const int code =
      sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) fail(code);
}
void sqlite_statement::bind(int parameter, std::int64_t number) {
  if (const int code = sqlite3_bind_int64(statement_.get(), parameter, number); code != SQLITE_OK) fail(code);
}
void sqlite_statement::bind_real(int parameter, double number) {
  if (const int code = sqlite3_bind_double(statement_.get(), parameter, number); code != SQLITE_OK) fail(code);
}
void sqlite_statement::bind_blob(int parameter, std::string_view bytes) {
  const int code = sqlite3_bind_blob64(statement_.get(), parameter, bytes.data(), bytes.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) fail(code);
}
void sqlite_statement::bind_null(int parameter) {
  if (const int code = sqlite3_bind_null(statement_.get(), parameter); code != SQLITE_OK) fail(code);
}

bool sqlite_statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  const int ended = sqlite3_reset(statement_.get());
  if (code != SQLITE_DONE) fail(ended == SQLITE_OK ? code : ended);
  return false;
}
void sqlite_statement::run() {
  while (step()) continue;
}
void sqlite_statement::reset() {
  if (statement_) sqlite3_reset(statement_.get());
}

int sqlite_statement::columns() const {
  return sqlite3_column_count(statement_.get());
}
std::string sqlite_statement::column_name(int column) const {
  const char* const name = sqlite3_column_name(statement_.get(), column);
  return name != nullptr ? name : "";
}
bool sqlite_statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
bool sqlite_statement::is_number(int column) const {
  const int type = sqlite3_column_type(statement_.get(), column);
  return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}
std::int64_t sqlite_statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
std::string_view sqlite_statement::text(int column) const {
  const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void sqlite_statement::finalizer::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

sqlite_database::sqlite_database(const std::string& path, mode how) {
  const int flags = (how == mode::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  sqlite3* made = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &made, flags, nullptr);
  database_.reset(made);
  if (code != SQLITE_OK) raise_sqlite(made, code);
  sqlite3_busy_timeout(made, lock_timeout_ms);
}

void sqlite_database::run(const std::string& sql) {
  if (const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
    raise_sqlite(database_.get(), code);
}

std::int64_t sqlite_database::number(const std::string& sql) {
  sqlite_statement asking = prepare(sql);
  const std::int64_t found = asking.step() ? asking.integer(0) : 0;
  asking.reset();
  return found;
}

bool sqlite_database::has_table(const std::string& name) {
  sqlite_statement asking = prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE");
  asking.bind(1, name);
  const bool found = asking.step();
  asking.reset();
  return found;
}

void sqlite_database::on_commit(std::function<void(int)> call) {
  on_commit_ = std::move(call);
  sqlite3_wal_hook(
      database_.get(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<sqlite_database*>(self)->on_commit_(pages);
        return SQLITE_OK;
      },
      this);
}

bool sqlite_database::checkpoint(checkpoint_kind how) {
  const int kind = how == checkpoint_kind::whole ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  sqlite3_busy_timeout(database_.get(), 0);
  const int code = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, kind, nullptr, nullptr);
  sqlite3_busy_timeout(database_.get(), lock_timeout_ms);
  const int primary = code & 0xff;
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) return false;
  if (code != SQLITE_OK) raise_sqlite(database_.get(), code);
  return true;
}

void sqlite_database::closer::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}

}  // namespace fanout::fetch
