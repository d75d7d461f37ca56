#pragma once

#include <fanout/fetch/journal.hpp>
#include <fanout/fetch/named_body_files.hpp>
#include <fanout/fetch/sinks.hpp>
#include <fanout/fetch/validators.hpp>

#include "cli/fetch/fetch_options.hpp"
#include "cli/fetch/fetch_run.hpp"
#include "cli/fetch/page_file.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// \file
/// The sinks that a command line of `fanout fetch` asks for.
namespace fanout::cli {

/// Whether `-o` names a directory: with a slash at its end, or one that is there.
bool names_directory(const std::string& path);
/// Bodies of a list have names of their own.
bool names_bodies(const fetch_options& given);

/// What makes the job the same when it is run again; `again`: its inputs can be read once more.
struct identified_job {
  fetch::job_identity identity;
  bool again = false;
};

/// Where records and bodies go. One URL: its body is the output, as with curl, or after HEAD its header; what went
/// wrong is a message.
///
/// Thread safety: none, but the sinks' own.
class fetch_sinks {
 public:
  /// `given`, `file` and `since` have to outlive it. Opens all files: throws `usage_error`, `fetch::journal_error` and
  /// `fetch::output_error`.
  fetch_sinks(const fetch_options& given, bool pages, page_file& file, const identified_job& which,
              const shared_outputs& with, const fetch::validators* since = nullptr);

  std::vector<fetch::sink*> all() const;

  /// An earlier run is gone on with.
  bool resumed() const noexcept { return resumed_; }
  /// A run that is stopped can be gone on with.
  bool can_go_on() const noexcept { return can_go_on_; }
  /// Requests whose records are there already.
  std::uint64_t done_before() const;
  /// Where the records go, if to a file.
  const std::string& record_path() const noexcept { return record_path_; }
  /// Bodies of this job that are there already, of an earlier run that was killed, are replaced.
  bool overwrites() const noexcept { return resumed_ || given_.http.settings.overwrite_bodies; }
  /// How many bodies of a list have another name than -O or -J would give them.
  std::uint64_t renamed() const noexcept { return named_ ? named_->renamed() : 0; }
  /// Curl's exit status of the last page.
  int curl_status() const noexcept { return curl_status_; }

 private:
  template <class Sink, class... Arguments>
  void add(Arguments&&... arguments) {
    sinks_.push_back(std::make_unique<Sink>(std::forward<Arguments>(arguments)...));
  }
  void add_named_bodies(const std::string& directory);
  void open_records(const std::string& path, bool to_directory, const identified_job& which,
                    const fetch::validators* since);
  void add_records(fetch::output out);
  void add_write_out(std::uint64_t urls_before);
  void look_at(const fetch::finished& each, bool pages);

  const fetch_options& given_;
  page_file& file_;
  int curl_status_ = 0;
  const fetch::named_body_files* named_ = nullptr;
  std::string record_path_;
  std::unique_ptr<fetch::sink> records_;
  bool resumed_ = false;
  bool can_go_on_ = false;
  std::vector<std::unique_ptr<fetch::sink>> sinks_;
};

}  // namespace fanout::cli
