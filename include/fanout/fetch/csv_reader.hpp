#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Rows of CSV and TSV, as bytes come.
namespace fanout::fetch {

/// Takes bytes apart into rows of fields: RFC 4180, with a separator of your choice, lines that end in LF, CRLF or CR,
/// a byte order mark that is dropped, and blank lines that are no rows. A field in quotes may hold separators, ends of
/// lines and doubled quotes; a quote inside a field without them stands for itself.
///
/// ```cpp
/// fetch::csv_reader table(',');
/// std::vector<std::string> row;
/// while (read(bytes)) {
///   table.feed(bytes);
///   while (table.next(row)) ...
/// }
/// table.finish();
/// while (table.next(row)) ...
/// ```
///
/// Errors throw `std::invalid_argument` that names the line; the rows before it have been given. Thread safety: none.
class csv_reader {
 public:
  /// No row is longer, in bytes: a quote that is not closed would be a row as long as the file.
  static constexpr std::size_t longest_row = 4 * 1024 * 1024;

  explicit csv_reader(char separator = ',') : separator_(separator) {}

  void feed(std::string_view bytes);
  /// No more bytes come: the last line counts although it has no end.
  void finish() noexcept { ended_ = true; }
  /// The next row, if all of it is there.
  bool next(std::vector<std::string>& row);
  /// Where the row that `next` gave last began, counted from 1.
  std::uint64_t line() const noexcept { return row_line_; }

 private:
  enum class state { field_begins, plain, quoted, quote_in_quoted };

  void end_field();
  bool take(char c);
  [[noreturn]] void fail(const char* what) const;

  char separator_;
  std::string bytes_;
  std::size_t at_ = 0;
  bool ended_ = false;
  bool begun_ = false;  ///< a byte order mark was looked for
  bool after_carriage_return_ = false;
  state state_ = state::field_begins;
  std::vector<std::string> row_;
  std::string field_;
  std::size_t row_bytes_ = 0;
  bool row_has_something_ = false;
  std::uint64_t line_now_ = 1;
  std::uint64_t row_begins_ = 1;
  std::uint64_t row_line_ = 0;
};

/// Which column it is: its name in the header, or its number, counted from 1. Throws `std::invalid_argument` that lists
/// the columns there are.
std::size_t column_of(const std::vector<std::string>& header, std::string_view name);

}  // namespace fanout::fetch
