#include "cli/fetch/fetch_sinks.hpp"

#include <fanout/fetch/body_directory.hpp>
#include <fanout/fetch/curl_status.hpp>
#include <fanout/fetch/existing_file.hpp>
#include <fanout/fetch/har.hpp>
#include <fanout/fetch/output.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/fetch/shard_files.hpp>
#include <fanout/fetch/text_sinks.hpp>

#include "cli/fetch/record_output.hpp"
#include "cli/text/messages.hpp"

#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace fanout::cli {
namespace {

/// With the number of the request before each line.
std::string numbered(std::string_view text, std::uint64_t number) {
  std::string made;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    fmt::format_to(std::back_inserter(made), "[{}] {}", number, text.substr(0, end));
    text.remove_prefix(end);
  }
  return made;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Writes to a sink that another job writes to, too.
class borrowed_sink final : public fetch::sink {
 public:
  explicit borrowed_sink(fetch::sink& to) : to_(to) {}
  bool wants_bodies() const override { return to_.wants_bodies(); }
  bool wants_headers() const override { return to_.wants_headers(); }
  bool wants_heads() const override { return to_.wants_heads(); }
  void take(fetch::finished& each, fetch::writer& to) override { to_.take(each, to); }

 private:
  fetch::sink& to_;
};

}  // namespace

bool names_directory(const std::string& path) {
  struct stat status{};
  return path.ends_with('/') || (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode));
}

/// Bodies of a list have names of their own.
bool names_bodies(const fetch_options& given) {
  return given.remote_name || !given.bulk.name_template.empty();
}

fetch_sinks::fetch_sinks(const fetch_options& given, bool pages, page_file& file, const identified_job& which,
                         const shared_outputs& with, const fetch::validators* since)
    : given_(given), file_(file) {
  const std::string& path = pages ? file.path() : given.destination;
  const bool to_directory = !path.empty() && names_directory(path);
  const bool to_file = !path.empty() && !to_directory;
  using enum fetch::existing_file;
  // -D - is --include, where the page goes to standard output.
  const bool heads_on_output = given.header_file == "-" && pages && !to_file && !to_directory && !given.include;
  const bool at_a_time = given.urls.size() > 1 && given.shape != "sync";
  const bool texts_between = given.urls.size() > 1 && (!given.write_out.empty() || given.http.settings.retries > 0);
  // First, so that they stand before the page where both go to standard output.
  if (with.headers)
    add<borrowed_sink>(*with.headers);
  else if (!given.header_file.empty() && !heads_on_output)
    add<fetch::header_output>(fetch::output::create(given.header_file));
  if (!pages && (to_directory || to_file)) open_records(path, to_directory, which, since);
  if (!pages && names_bodies(given))
    add_named_bodies(to_directory ? path : given.output_directory.empty() ? "." : given.output_directory);
  else if (to_directory)
    add<fetch::body_files>(path, overwrites() ? replaced : refused);
  if (!pages && (to_directory || !records_))
    add_records(to_file ? fetch::output::create(path) : fetch::output::standard());
  if (records_) sinks_.push_back(std::move(records_));
  if (pages && given.http.head && !to_directory && !given.as_curl)
    add<fetch::head_output>(to_file ? fetch::output::create(path) : fetch::output::standard());
  else if (pages && !to_directory)
    add<fetch::body_output>(
        to_file ? path : "-",
        fetch::body_output_options{
            .with_heads = given.include || given.http.head || heads_on_output,
            .held = at_a_time || texts_between || (given.header_file == "-" && !heads_on_output && !to_file)});
  if (pages || given.verbose)
    add<fetch::record_callback>([this, pages](fetch::finished& each, fetch::writer&) { look_at(each, pages); },
                                fetch::json_fields{.headers = file.named_by_server(), .body = false});
  if (with.archive)
    add<borrowed_sink>(*with.archive);
  else if (!given.archive.empty())
    add<fetch::har_output>(fetch::output::create(given.archive));
  if (!given.write_out.empty()) add_write_out(with.urls_before);
}

std::uint64_t fetch_sinks::done_before() const {
  for (const auto& each : sinks_)
    if (const fetch::done_set* const done = each->done()) return done->size();
  return 0;
}
std::vector<fetch::sink*> fetch_sinks::all() const {
  std::vector<fetch::sink*> made;
  made.reserve(sinks_.size());
  for (const auto& each : sinks_) made.push_back(each.get());
  return made;
}

void fetch_sinks::add_named_bodies(const std::string& directory) {
  std::error_code failed;
  if (given_.create_directories) std::filesystem::create_directories(directory, failed);
  if (failed) throw fetch::output_error(fmt::format("cannot make the directory {}: {}", directory, failed.message()));
  fetch::naming how{given_.remote_header_name, given_.http.settings.overwrite_bodies};
  how.pattern = given_.bulk.name_template;
  if (!given_.destination.empty() && !names_directory(given_.destination))
    how.records = std::filesystem::path(given_.destination).filename().string();
  auto made = std::make_unique<fetch::named_body_files>(directory, std::move(how));
  named_ = made.get();
  sinks_.push_back(std::move(made));
}

/// Of a directory they are in there, too.
void fetch_sinks::open_records(const std::string& path, bool to_directory, const identified_job& which,
                               const fetch::validators* since) {
  if (to_directory) fetch::body_directory made(path);
  std::string file = to_directory ? path + (path.ends_with('/') ? "records.jsonl" : "/records.jsonl") : path;
  fetch::job_identity identity = which.identity;
  if (const auto& part = given_.bulk.part; part && can_be_gone_on_with(file)) {
    fetch::take_part(file, {part->count, identity});
    file = fetch::shard_path(file, part->index);
    identity.emplace_back("--shard", fmt::format("{}/{}", part->index, part->count));
  }
  record_output opened = open_record_output(given_, file, std::move(identity), which.again, to_directory, since);
  record_path_ = std::move(file);
  records_ = std::move(opened.sink);
  resumed_ = opened.resumed;
  can_go_on_ = records_ && which.again;
}

void fetch_sinks::add_records(fetch::output out) {
  const fetch::settings& how = given_.http.settings;
  if (out.is_terminal() && !how.keep_body)
    add<fetch::readable_lines>(std::move(out));
  else
    add<fetch::json_lines>(std::move(out), fetch::json_fields{how.keep_headers, how.keep_body});
}

void fetch_sinks::add_write_out(std::uint64_t urls_before) {
  try {
    add<fetch::format_output>(given_.write_out, given_.fail || given_.fail_with_body || !given_.as_curl, urls_before);
  } catch (const std::invalid_argument& refused) {
    throw usage_error(fmt::format("-w: {}", refused.what()));
  }
}

void fetch_sinks::look_at(const fetch::finished& each, bool pages) {
  if (!each.result.trace.empty())
    tell(pages && given_.urls.size() == 1 ? each.result.trace.str() : numbered(each.result.trace.str(), each.index));
  if (!pages) return;
  if (!each.result.remark.empty())
    tell(fmt::format("{}: {}\n", given_.as_curl ? "fanout curl" : "fanout fetch", each.result.remark.str()));
  file_.look_at(each.result);
  curl_status_ = fetch::curl_exit_status(each.result, given_.fail || given_.fail_with_body);
  if (given_.redirects_fail && !each.result.error && is_redirect(each.result.status)) {
    curl_status_ = 47;
    if (!given_.silent) tell("fanout curl: (47) the page redirects, and --max-redirs is 0\n");
  }
  if (!each.result.error || (given_.as_curl && (given_.silent || curl_status_ == 0))) return;
  std::string line = given_.as_curl ? fmt::format("fanout curl: ({}) ", curl_status_) : "fanout fetch: ";
  fetch::append_readable(line, each.asked, each.result);
  tell(line);
}

}  // namespace fanout::cli
