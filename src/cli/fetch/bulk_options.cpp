// One row for each option of `fanout fetch` that is for lists, and not curl's.

#include <fanout/fetch/name_template.hpp>
#include <fanout/fetch/units.hpp>

#include "cli/fetch/fetch_options.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <string>

namespace fanout::cli {
namespace {

template <auto Member>
void set_bulk_flag(fetch_options& into, std::string_view) {
  into.bulk.*Member = true;
}
template <auto Member>
void set_bulk_text(fetch_options& into, std::string_view text) {
  if (text.empty()) throw std::invalid_argument("the value is empty; leave the option out, or give one");
  into.bulk.*Member = text;
}

/// Records where there is nothing but digits, bytes where there is a unit.
void set_rotation(fetch_options& into, std::string_view text) {
  const bool counts = text.find_first_not_of("0123456789") == text.npos;
  into.bulk.rotate_records = counts ? fetch::parse_count(text, 1, 1'000'000'000'000) : 0;
  into.bulk.rotate_bytes = counts ? 0 : fetch::parse_size(text);
}

/// "10", "10/s", "30/m" or "100/h", as so many a second.
double rate_of(std::string_view text) {
  const auto slash = std::min(text.find('/'), text.size());
  const std::string_view unit = text.substr(slash);
  const double seconds = unit.empty() || unit == "/s" ? 1 : unit == "/m" ? 60 : unit == "/h" ? 3600 : 0;
  if (seconds == 0) throw std::invalid_argument("'" + std::string(text) + "' is no rate: give 10, 10/s, 30/m or 100/h");
  return static_cast<double>(fetch::parse_count(text.substr(0, slash), 1, 1'000'000'000)) / seconds;
}

void set_per_host(fetch_options& into, std::string_view text) {
  into.bulk.hosts.per_host = static_cast<std::uint32_t>(fetch::parse_count(text, 1, 1'000'000));
  into.bulk.limits_hosts = true;
}
void set_per_ip(fetch_options& into, std::string_view text) {
  into.bulk.hosts.per_address = static_cast<std::uint32_t>(fetch::parse_count(text, 1, 1'000'000));
  into.bulk.limits_hosts = true;
}
void set_host_delay(fetch_options& into, std::string_view text) {
  into.bulk.hosts.host_delay = fetch::parse_duration(text);
  into.bulk.limits_hosts = true;
}
template <auto Member>
void set_rate(fetch_options& into, std::string_view text) {
  into.bulk.hosts.*Member = rate_of(text);
  into.bulk.limits_hosts = true;
}

void set_give_up_after(fetch_options& into, std::string_view text) {
  into.bulk.give_up_after.reset();
  if (text != "never") into.bulk.give_up_after = fetch::parse_duration(text);
}
/// "none" is more than any job can use.
void set_retry_budget(fetch_options& into, std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  into.bulk.retry_budget = text == "none" ? 1e9 : static_cast<double>(fetch::parse_count(text, 0, 100'000)) / 100;
}

void set_name_template(fetch_options& into, std::string_view text) {
  fetch::name_template checked{std::string(text)};
  into.bulk.name_template = text;
}

void set_shard(fetch_options& into, std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) throw std::invalid_argument("'" + std::string(text) + "' is no shard: give I/N, such as 0/8");
  const auto count = static_cast<std::uint32_t>(fetch::parse_count(text.substr(slash + 1), 1, 10'000'000));
  const auto index = static_cast<std::uint32_t>(fetch::parse_count(text.substr(0, slash), 0, 10'000'000));
  if (index >= count)
    throw std::invalid_argument("'" + std::string(text) + "': shards are counted from 0, so the last one is " +
                                std::to_string(count - 1) + "/" + std::to_string(count));
  into.bulk.part = fetch::shard{index, count};
}

void set_on(fetch_options& into, std::string_view text) {
  if (text != "ray" && (!text.starts_with("ray://") || text.size() == std::string_view("ray://").size()))
    throw std::invalid_argument("'" + std::string(text) + "' is unknown; give ray or ray://HOST:PORT");
  into.bulk.on = text == "ray" ? std::string() : std::string(text);
}

void set_progress(fetch_options& into, std::string_view text) {
  bulk_options& bulk = into.bulk;
  const std::string_view style = text.substr(0, text.find(':'));
  if (style == "plain" && style.size() < text.size()) {
    bulk.progress_interval = fetch::parse_duration(text.substr(style.size() + 1));
    if (bulk.progress_interval < std::chrono::milliseconds(100)) throw std::invalid_argument("give 100ms or more");
  } else if (style.size() < text.size() || (style != "none" && style != "plain" && style != "bar")) {
    throw std::invalid_argument("'" + std::string(text) + "' is unknown; give none, plain, plain:30s or bar");
  }
  bulk.progress = style == "none"  ? progress_choice::none
                  : style == "bar" ? progress_choice::bar
                                   : progress_choice::plain;
}

/// Whole seconds, as a timer of the system counts them here: 1500ms are 2.
void set_drain_time(fetch_options& into, std::string_view text) {
  const auto given = std::chrono::ceil<std::chrono::seconds>(fetch::parse_duration(text)).count();
  if (given < 1 || given > 86'400) throw std::invalid_argument("give 1s to 24h");
  into.bulk.drain_seconds = static_cast<unsigned>(given);
}
void set_usr1(fetch_options& into, std::string_view text) {
  if (text != "drain" && text != "state")
    throw std::invalid_argument("'" + std::string(text) + "' is unknown; give state or drain");
  into.bulk.usr1_drains = text == "drain";
}

constexpr std::string_view limits_group = "Limits and retries";
constexpr std::string_view long_runs_group = "Long runs";

constexpr std::array bulk_rows{
    output_option{
        "--url-column", "NAME|N",
        "Read lists as tables, CSV or (.tsv) tab-separated, with a header; URLs are in the column of this name "
        "or number. The other columns come back in the records",
        set_bulk_text<&bulk_options::url_column>, input_group},
    output_option{"--glob", "", "Write out sets {a,b} and ranges [1-9] in URL arguments, as curl does",
                  set_bulk_flag<&bulk_options::globs>, input_group},
    output_option{
        "--dedupe", "",
        "Fetch each URL once: read the lists before the run, and pass over repeats (same method, URL and body)",
        set_bulk_flag<&bulk_options::dedupe>, input_group},
    output_option{
        "--since", "OUTPUT",
        "Ask for pages only if they have changed since this output of an earlier run (JSON Lines with headers, a "
        "directory, a web archive or a database); others are records of status 304",
        set_bulk_text<&bulk_options::since>, input_group},
    output_option{
        "--name", "TEMPLATE",
        "With -o DIR/: name the file of each body by {index}, {host}, {name} (of the URL, or with -J the server's), "
        "{ext}, {sha256} or {sha256:N} (its first N digits); with slashes in folders, such as "
        "{sha256:2}/{sha256}.{ext}",
        set_name_template},
    output_option{"--per-host", "N", "Keep at most N requests in flight to each host (name and port)", set_per_host,
                  limits_group},
    output_option{"--per-ip", "N",
                  "Keep at most N requests in flight to each address, which many hosts may share. Names are looked up "
                  "before their first request",
                  set_per_ip, limits_group},
    output_option{"--robots", "",
                  "Read robots.txt of each host first, and fetch what it allows (RFC 9309), with its Crawl-delay. The "
                  "name in it is that of --user-agent, or fanout",
                  set_bulk_flag<&bulk_options::robots>, limits_group},
    output_option{"--host-delay", "DURATION", "Wait at least so long between the starts of two requests to one host",
                  set_host_delay, limits_group},
    output_option{"--rate", "N[/s|/m|/h]", "Start at most so many requests per second, minute or hour",
                  set_rate<&fetch::host_scheduler_options::rate>, limits_group},
    output_option{"--host-rate", "N[/s|/m|/h]", "The same for each host",
                  set_rate<&fetch::host_scheduler_options::host_rate>, limits_group},
    output_option{"--retry-budget", "PERCENT|none",
                  "Of a list, retry at most this share of the requests, and twice that of one host's; 100 retries, and "
                  "10 of a host, are free (default: 10)",
                  set_retry_budget, limits_group},
    output_option{
        "--give-up-after", "DURATION|never",
        "When only hosts are left that wait for a retry or asked to be left alone (Retry-After), wait at most "
        "this long; then each URL left gets its record (default: 10m)",
        set_give_up_after, limits_group},
    output_option{
        "--shard", "I/N",
        "Fetch only the URLs whose hosts are in part I of N, counted from 0, so that N machines share a list. "
        "All parts are given the same -o, and write NAME.shard-I; fanout job join makes one of them",
        set_shard, input_group},
    output_option{"--on", "ray[://HOST:PORT]",
                  "Fetch on all nodes of the Ray cluster of this machine, or of this address. -i and -o are in a "
                  "directory that all nodes see. Needs the Python module and Ray",
                  set_on, long_runs_group},
    output_option{"--restart", "",
                  "Start again from the first URL instead of continuing a run that was stopped or killed",
                  set_bulk_flag<&bulk_options::restart>, long_runs_group},
    output_option{"--retry-failed", "", "Continue an earlier run, and fetch the URLs again that failed in it",
                  set_bulk_flag<&bulk_options::retry_failed>, long_runs_group},
    output_option{"--drain-time", "DURATION",
                  "After SIGTERM or the first Ctrl-C, let running requests finish for at most this long (default: 5s)",
                  set_drain_time, long_runs_group},
    output_option{"--usr1", "state|drain",
                  "On SIGUSR1, print the state of the run (default), or stop as on SIGTERM: batch systems warn with it",
                  set_usr1, long_runs_group},
    output_option{
        "--progress", "none|plain[:DURATION]|bar",
        "How far the run is, on standard error: a bar (default on a terminal), or a line every 10s or DURATION "
        "(default elsewhere)",
        set_progress, long_runs_group},
    output_option{
        "--metrics", "ADDRESS",
        "Serve figures of the run for Prometheus at http://ADDRESS/metrics: 127.0.0.1:9400, or a port; port 0 "
        "is any that is free, and printed",
        set_bulk_text<&bulk_options::metrics>, long_runs_group},
    output_option{"--rotate", "SIZE|COUNT",
                  "Start another file of records at this size (500MB) or number of records (100000): NAME-00000, "
                  "NAME-00001, ...",
                  set_rotation},
    output_option{"--on-close", "COMMAND",
                  "Run this shell command on each complete file of records, with the file's name as its last argument. "
                  "After 4 failures the run ends with exit status 3, and the file stays",
                  set_bulk_text<&bulk_options::on_close>},
};

}  // namespace

std::span<const output_option> bulk_option_table() {
  return bulk_rows;
}

}  // namespace fanout::cli
