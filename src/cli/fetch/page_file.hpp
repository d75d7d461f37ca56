#pragma once

#include <fanout/fetch/exchange.hpp>

#include "cli/fetch/fetch_options.hpp"

#include <string>

/// \file
/// The file of a page, by -o, -O, -J and --output-dir.
namespace fanout::cli {

/// Where the one page of a job goes, and the name that it gets in the end.
///
/// Thread safety: none.
class page_file {
 public:
  /// Makes the directories that --create-dirs asks for. Throws `usage_error` for a URL without a file name.
  explicit page_file(const fetch_options& given);

  /// What is written to; empty: standard output.
  const std::string& path() const noexcept { return path_; }
  /// Whether the server may name it.
  bool named_by_server() const noexcept { return named_by_server_; }
  /// Notes the response's Content-Disposition, and where its body is.
  void look_at(const fetch::record& result);
  /// Once the file is whole: gives it the server's name, or one that no file has yet. Returns where it is, or an empty
  /// text where that is known. Throws `fetch::output_error`.
  std::string rename() const;
  /// Removes what was written of the body.
  void remove() const;

 private:
  std::string path_;
  std::string directory_;
  std::string name_;
  std::string written_;  ///< the file with the body, or with what came of it
  bool named_by_server_ = false;
  bool named_late_ = false;  ///< when it is whole
};

}  // namespace fanout::cli
