#include "cli/fetch/fetch_checks.hpp"

#include <fanout/fetch/sqlite_output.hpp>

#include "cli/fetch/fetch_sinks.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace fanout::cli {
namespace {

namespace fs = std::filesystem;

/// What options of bodies ask for where there are no such bodies.
void check_body_options(const fetch_options& given, bool one_page) {
  const fetch::settings& how = given.http.settings;
  const bool to_directory = !given.destination.empty() && names_directory(given.destination);
  const bool named_file = !given.destination.empty() && given.destination != "-";
  const bool to_file = one_page && !to_directory && (named_file || (given.remote_name && !given.remote_header_name));
  if (how.continue_parts && (!to_file || given.http.head))
    throw usage_error("--continue: goes on with the body of one URL in a file; give one URL and -o FILE");
  const bool named = !one_page && names_bodies(given);
  if (!given.bulk.name_template.empty() && (one_page || !to_directory))
    throw usage_error("--name: names the bodies of several URLs in a directory; give -o DIR/");
  if (how.continue_parts && given.include)
    throw usage_error(
        "--continue: with --include, the file does not begin with the body; give -D FILE for the headers");
  if (how.overwrite_bodies && !to_directory && !named)
    throw usage_error("--overwrite: replaces files of a directory; give -o DIR/ (a FILE is replaced in any case)");
  if (how.skip_existing && named)
    throw usage_error(
        "--skip-existing: does not know the names that -O and --name give to several URLs; leave them out");
  if (how.skip_existing && !to_directory && !to_file)
    throw usage_error("--skip-existing: skips bodies whose files are there; give -o DIR/, or one URL and -o FILE");
}

/// Options of a file of records mean nothing where there is none.
void check_record_options(const fetch_options& given, bool pages) {
  if (!pages && !given.destination.empty() && given.destination != "-") return;
  const bulk_options& bulk = given.bulk;
  for (const auto& [set, name] : {std::pair(bulk.restart, "--restart"), std::pair(bulk.retry_failed, "--retry-failed"),
                                  std::pair(bulk.rotate_bytes + bulk.rotate_records > 0, "--rotate"),
                                  std::pair(!bulk.on_close.empty(), "--on-close")})
    if (set)
      throw usage_error(fmt::format("{} is for the records of several URLs in a file; give -o FILE or -o DIR/", name));
}

void check_page_options(const fetch_options& given, bool pages) {
  if (pages && given.bulk.part)
    throw usage_error("--shard: one URL has no parts; give a list by -i FILE, or several URLs");
  if (pages && given.no_clobber && given.http.settings.continue_parts)
    throw usage_error("--no-clobber keeps the file that --continue goes on with; use one of them");
  if (pages) return;
  for (const auto& [set, name] :
       {std::pair(given.no_clobber, "--no-clobber"), std::pair(given.remove_on_error, "--remove-on-error")})
    if (set) throw usage_error(fmt::format("{} is for the file of one URL, by -o FILE or -O", name));
  if (given.include) throw usage_error("--include is for one URL; --with-headers has the headers in the records");
  if (given.output_directory.empty()) return;
  if (!given.remote_name)
    throw usage_error("--output-dir is for one URL, or for -O; several go to a directory by -o DIR/");
  if (!given.destination.empty() && names_directory(given.destination))
    throw usage_error("--output-dir and -o DIR/ each give the directory of the bodies; use one of them");
}

/// Both name one file: it is there, or it will be. Devices are nobody's.
bool is_same_file(const std::string& left, const std::string& right) {
  if (left.empty() || right.empty() || left == "-" || right == "-") return false;
  std::error_code none;
  const fs::file_type kind = fs::status(left, none).type();
  if (kind == fs::file_type::not_found) {
    const fs::path full = fs::weakly_canonical(left, none);
    return !none && full == fs::weakly_canonical(right, none) && !none;
  }
  return kind == fs::file_type::regular && fs::equivalent(left, right, none) && !none;
}

/// An output that takes the place of another one, or of the list, is lost work.
void check_files(const fetch_options& given, bool pages) {
  const bool to_directory = !given.destination.empty() && names_directory(given.destination);
  const std::string records = !to_directory ? given.destination
                              : pages       ? std::string()
                                            : (fs::path(given.destination) / "records.jsonl").string();
  const std::pair<std::string_view, const std::string&> outputs[]{{"-o", records},
                                                                  {"--dump-header", given.header_file},
                                                                  {"--har", given.archive},
                                                                  {"--summary", given.summary_file}};
  for (const auto& [option, path] : outputs) {
    const bool is_database = option == "-o" && fetch::is_sqlite_name(path);  // whose other tables may be lists
    for (const std::string& list : given.lists)
      if (!is_database && is_same_file(path, list))
        throw usage_error(fmt::format("{} {}: it is the list that -i reads; give another file", option, path));
    for (const auto& [other, other_path] : outputs)
      if (other != option && is_same_file(path, other_path))
        throw usage_error(fmt::format("{} and {} name the same file, {}; give two", option, other, path));
  }
}

}  // namespace

void check_options(const fetch_options& given, bool pages) {
  check_page_options(given, pages);
  check_record_options(given, pages);
  check_body_options(given, pages);
  if (!given.as_curl) check_files(given, pages);
}

}  // namespace fanout::cli
