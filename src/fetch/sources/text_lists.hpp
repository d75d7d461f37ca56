#pragma once

#include <fanout/fetch/csv_reader.hpp>

#include "fetch/sources/input_file.hpp"
#include "fetch/sources/request_list.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Lists of lines, and tables.
namespace fanout::fetch {

/// Lines, each a URL or an object of JSON, plain or packed. What was read and not yet taken lies in one buffer.
///
/// Thread safety: none.
class line_list final : public request_list {
 public:
  static constexpr std::size_t most_line_bytes = 16U << 20;

  explicit line_list(const std::string& path) : file_(std::make_unique<input_file>(path)) {}

  /// Before anything is read, for a list that is a table.
  std::unique_ptr<input_file> release_file() noexcept { return std::move(file_); }

  std::optional<request> next(bool passthrough) override;
  bool next_into(std::optional<request>& place, bool passthrough) override;
  bool skip() override { return next_line().has_value(); }
  bool ready() override;
  int handle() const noexcept override { return file_->handle(); }

 private:
  std::optional<std::string_view> next_line();
  std::string_view take();
  bool has_line();
  void read();

  std::unique_ptr<input_file> file_;
  std::string text_;
  std::size_t begin_ = 0;                     ///< of what was not taken
  std::size_t searched_ = 0;                  ///< no line ends between begin_ and here
  std::size_t line_end_ = std::string::npos;  ///< of the line at begin_, once found
  bool first_line_ = true;
  bool ended_ = false;
};

/// Rows of a table, whose first one names the columns. Separated by tabs where the name ends in `.tsv` or `.tab`.
///
/// Thread safety: none.
class table_list final : public request_list {
 public:
  table_list(std::unique_ptr<input_file> file, const std::string& name, std::string url_column);

  /// Throws as `column_of`, once the first row is read.
  std::optional<request> next(bool passthrough) override;
  int handle() const noexcept override { return file_->handle(); }

 private:
  bool read_row(std::vector<std::string>& row);

  std::unique_ptr<input_file> file_;
  const std::string url_column_;
  csv_reader table_;
  std::string text_;
  std::vector<std::string> columns_;
  std::vector<std::string> row_;
  std::size_t url_at_ = 0;
  bool table_ended_ = false;
};

}  // namespace fanout::fetch
