#pragma once

#include <fanout/core/interrupt.hpp>

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <string_view>

/// \file
/// Where the results of `fanout compare` go besides the terminal: a report page, laid beside an older one.
namespace fanout::cli {

/// A file that is replaced as a whole or not at all. Made when its place is still to be checked, minutes before there
/// is anything to put into it; until then it has no name, where the file system can do that, so that nothing is left
/// whatever ends this process. A device or pipe is written to itself. Errors throw `fetch::output_error`, and so does
/// `stop` when nobody reads the pipe.
class replaced_file {
 public:
  replaced_file(const std::string& path, const interrupt& stop);
  replaced_file(const replaced_file&) = delete;
  replaced_file& operator=(const replaced_file&) = delete;
  ~replaced_file();  ///< without `replace`, nothing was there

  void replace(std::string_view content);

 private:
  void name_it();
  [[noreturn]] void fail(int why) const;

  std::string path_;
  const interrupt& stop_;
  bool unnamed_ = false;
  std::string beside_;  ///< what has a name, but not yet that of `path_`
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
  page_output(const compare_output& with, const interrupt& stop);
  /// Writes the page of `report`, the JSON of `to_json`; says where it is, and opens it where that was asked for.
  void finish(const std::string& report);

 private:
  const compare_output& with_;
  std::optional<replaced_file> file_;
  std::string before_;
};

}  // namespace fanout::cli
