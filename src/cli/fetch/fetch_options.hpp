#pragma once

#include <fanout/fetch/host_scheduler.hpp>
#include <fanout/fetch/http_options.hpp>
#include <fanout/fetch/shard.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The command line of `fanout fetch`.
namespace fanout::cli {

/// The heading in --help of the options of two sources.
inline constexpr std::string_view input_group = "Input";

/// How far a run is, on standard error.
enum class progress_choice {
  by_terminal,  ///< a bar where standard error is a terminal, plain lines otherwise
  none,
  plain,
  bar,
};

/// What is for lists.
struct bulk_options {
  bool restart = false;       ///< what an earlier run has done is done again
  bool retry_failed = false;  ///< what has failed in an earlier run is fetched again
  std::uint64_t rotate_bytes = 0;
  std::uint64_t rotate_records = 0;
  fetch::host_scheduler_options hosts = {};  ///< what is 0 is no limit
  bool limits_hosts = false;                 ///< one of them was given
  bool robots = false;                       ///< robots.txt is read and heeded
  double retry_budget = 0.1;                 ///< retries for each request, of the job; twice as many of a host
  std::optional<std::chrono::milliseconds> give_up_after = std::chrono::minutes(10);
  std::string url_column;  ///< lists are tables
  bool globs = false;      ///< sets and ranges in URLs of the command line are written out
  bool dedupe = false;
  unsigned drain_seconds = 5;  ///< for what is under way when the run is stopped
  std::string since;           ///< output of an earlier run, whose pages are sent only if they have changed
  std::string name_template;   ///< of the files of bodies
  bool usr1_drains = false;    ///< SIGUSR1 stops the run as SIGTERM does
  progress_choice progress = progress_choice::by_terminal;
  std::chrono::milliseconds progress_interval{10'000};  ///< of plain lines
  std::string metrics;                                  ///< address for Prometheus
  std::optional<fetch::shard> part;                     ///< what of the lists is fetched; all
  std::string on_close;                                 ///< command for each file of records that is whole
  std::optional<std::string> on;  ///< address of the Ray cluster that runs it; empty: that at hand
};

/// As given, before anything is made of it.
struct fetch_options {
  std::vector<std::string> urls;
  std::vector<std::string> lists;
  std::string destination;
  std::string summary_file;
  std::string shape = "auto";
  std::uint64_t in_flight = 0;
  fetch::http_options http;
  bool quiet = false;

  bulk_options bulk;

  bool fail = false;                ///< a page of status 400 and above is not written
  bool include = false;             ///< its header is written before each page
  bool verbose = false;             ///< the exchange is shown
  bool remote_name = false;         ///< the file has the name of the URL
  bool remote_header_name = false;  ///< the file has the name that the server gives
  bool create_directories = false;  ///< for the file
  bool no_clobber = false;          ///< a file that is there stays, and the page's gets a number
  bool remove_on_error = false;     ///< no part of a page stays
  std::string output_directory;     ///< of the file
  std::string header_file;          ///< where all headers go
  std::string archive;              ///< where all exchanges go, as HAR
  std::string error_file;           ///< where messages go
  std::string write_out;            ///< what is printed of each page

  bool as_curl = false;         ///< pages one after the other, no records; messages and exit status are curl's
  bool silent = false;          ///< as curl: failures are not told
  bool fail_with_body = false;  ///< as curl: a page of status 400 and above is written, and is a failure
  bool redirects_fail = false;  ///< as curl: with -L and --max-redirs 0
  int config_depth = 0;         ///< files of options that are being read
};

/// \name Options of what is written, with curl's names
/// The command line of `fanout fetch` and that of `fanout curl` are made from these rows and those of
/// `fetch::http_option_table`.
/// @{
struct output_option {
  std::string_view names;       ///< "-f,--fail"
  std::string_view value_name;  ///< empty: it takes no value
  std::string_view help;
  /// Throws `std::invalid_argument` that quotes the text.
  void (*take)(fetch_options& into, std::string_view text);
  std::string_view heading = "Output";  ///< of its group in the help
};
std::span<const output_option> output_option_table();
/// @}

/// Options of `fanout fetch` alone, for lists.
std::span<const output_option> bulk_option_table();

/// Something is wrong with the command line as a whole: exit status 2.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads a file of options (`--config`) into the others. Throws `CLI::ValidationError` that names the file.
void read_config(const std::string& path, fetch_options& into);

/// Adds the options to the command. `into` must outlive it.
void add_fetch_options(CLI::App& command, fetch_options& into);

}  // namespace fanout::cli
