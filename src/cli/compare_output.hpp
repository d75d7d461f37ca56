#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

/// \file
/// Where the results of `fanout compare` go besides the terminal: a report page, laid beside an older one.
namespace fanout::cli {

/// A file that is replaced as a whole or not at all. Made when its place is still to be checked, minutes before there
/// is anything to put into it. Errors throw `output_error`.
class replaced_file {
 public:
  explicit replaced_file(const std::string& path);
  replaced_file(const replaced_file&) = delete;
  replaced_file& operator=(const replaced_file&) = delete;
  ~replaced_file();  ///< without `replace`, nothing was there

  void replace(std::string_view content);

 private:
  [[noreturn]] void fail(int why) const;

  std::string path_;
  std::string beside_;  ///< written to, and renamed; empty for a device or pipe, which is written to itself
  int descriptor_ = -1;
};

struct compare_output {
  std::string html_file;     ///< empty: no page
  std::string against_file;  ///< empty: none
  bool open = false;         ///< the page, in the reader's browser
  bool json = false;
  bool csv = false;

  bool has_page() const noexcept { return !html_file.empty(); }
};

/// Adds --json, --csv, --html, --open and --against.
void add_compare_output(CLI::App& command, compare_output& into);

/// The page of one run: made before it, so that what cannot be written or read is said before anything is measured.
class page_output {
 public:
  explicit page_output(const compare_output& with);
  /// Writes the page of `report`, the JSON of `to_json`; says where it is, and opens it where that was asked for.
  void finish(const std::string& report);

 private:
  const compare_output& with_;
  std::optional<replaced_file> file_;
  std::string before_;
};

}  // namespace fanout::cli
