// fanout fetch: the main job. source -> lane -> exchange -> record -> file.

#include <fanout/core/run.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/fetch/request_source.hpp>
#include <fanout/process/remote.hpp>

#include "cli/command.hpp"
#include "cli/ctrl_c.hpp"
#include "cli/fetch_summary.hpp"
#include "cli/output.hpp"
#include "cli/units.hpp"
#include "http/text.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>

namespace fanout::cli {
namespace {

struct fetch_options {
  std::vector<std::string> urls;
  std::string list;
  std::string destination;
  std::string summary_file;
  std::string shape = "auto";
  std::uint64_t in_flight = 0;
  std::chrono::milliseconds timeout{300'000};
  std::chrono::milliseconds connect_timeout{30'000};
  std::string method;
  std::vector<std::string> headers;
  std::optional<std::string> body;
  std::string ca_file;
  std::uint64_t max_redirects = 10;
  std::uint64_t max_bytes = 1ULL << 30;
  bool insecure = false;
  bool with_headers = false;
  bool with_bodies = false;
  bool quiet = false;
};

/// Something is wrong with the command line as a whole: exit status 2.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

fetch::header_list parse_headers(const std::vector<std::string>& lines) {
  fetch::header_list headers;
  for (const std::string& line : lines) {
    const auto colon = line.find(':');
    const bool fits = colon != line.npos && http::is_token(std::string_view(line).substr(0, colon)) &&
                      std::none_of(line.begin(), line.end(), [](char c) { return http::is_control(c) && c != '\t'; });
    if (!fits) throw usage_error(fmt::format("-H: '{}' is not a header; use 'Name: value'", http::printable(line)));
    const auto value = line.find_first_not_of(" \t", colon + 1);
    headers.emplace_back(line.substr(0, colon), value == line.npos ? "" : line.substr(value));
  }
  return headers;
}

/// `-d`: the text, or with @ the contents of a file, as curl reads it.
std::string read_body(const std::string& argument) {
  if (!argument.starts_with('@')) return argument;
  const std::string path = argument.substr(1);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char part[64 * 1024];
  while (file.read(part, sizeof part) || file.gcount() > 0) text.append(part, static_cast<std::size_t>(file.gcount()));
  if (!file.eof()) throw usage_error(fmt::format("-d: cannot read {}: {}", path, std::strerror(errno)));
  return text;
}

/// As much of `asked` as the limit of open files allows: every task in flight is a connection, and every lane has a
/// loop and what it watches.
shape fitted(const shape& asked) {
  constexpr std::uint64_t for_the_process = 64;
  constexpr std::uint64_t for_a_lane = 8;
  rlimit limit{};
  if (asked.tasks == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return asked;
  const std::uint64_t room = limit.rlim_cur - std::min<std::uint64_t>(for_the_process, limit.rlim_cur / 2);
  const std::uint64_t lanes = asked.threads;
  if (lanes * for_a_lane + asked.tasks / asked.processes <= room) return asked;

  std::uint64_t fewer = 0;
  if (asked.model == model::threads)
    fewer = room / (for_a_lane + 1);
  else if (room > lanes * for_a_lane)
    fewer = (room - lanes * for_a_lane) / lanes * lanes * asked.processes;
  if (fewer == 0)
    throw usage_error(fmt::format("-s: {} does not fit the limit of {} open files; raise it (ulimit -n)",
                                  to_string(asked), limit.rlim_cur));
  tell(fmt::format("fanout fetch: {} tasks in flight, not {}: that is what the limit of {} open files allows\n", fewer,
                   asked.tasks, limit.rlim_cur));
  return with_tasks(asked, static_cast<std::uint32_t>(fewer));
}

/// What `make` returns; if it refuses, the message gets the option's name.
template <class Make>
shape named(std::string_view option, Make make) {
  try {
    return make();
  } catch (const std::invalid_argument& refused) {
    throw usage_error(fmt::format("{}: {}", option, refused.what()));
  }
}

shape shape_of(const fetch_options& given) {
  const shape asked = named("-s", [&] { return parse_shape(given.shape); });
  if (given.in_flight == 0) return fitted(asked);
  const bool has_count = given.shape.find_first_of(":x") != given.shape.npos;
  const auto tasks = static_cast<std::uint32_t>(given.in_flight);
  if (has_count && asked.tasks != tasks)
    throw usage_error(fmt::format("-s {} has {} tasks in flight and -j asks for {}; give one of them", given.shape,
                                  asked.tasks, tasks));
  return fitted(named("-j", [&] { return with_tasks(asked, tasks); }));
}

/// `-X`, or POST where `-d` gives an empty body, which would not show otherwise.
std::string method_of(const fetch_options& given) {
  if (!given.method.empty() && !http::is_token(given.method))
    throw usage_error(fmt::format("-X: '{}' is not a request method", http::printable(given.method)));
  return given.method.empty() && given.body && given.body->empty() ? "POST" : given.method;
}

void check_limits(const fetch_options& given) {
  if (given.timeout.count() == 0) throw usage_error("--timeout: 0 leaves no time for a fetch; give at least 1ms");
  if (given.connect_timeout.count() == 0)
    throw usage_error("--connect-timeout: 0 leaves no time for a connection; give at least 1ms");
}

bool names_directory(const std::string& path) {
  struct stat status{};
  return path.ends_with('/') || (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode));
}

/// Where records and bodies go.
class fetch_sink {
 public:
  fetch_sink(const fetch_options& given, bool one_page)
      : one_page_(one_page), bodies_in_records_(given.with_bodies), out_(open_output(given)) {
    if (!given.destination.empty() && names_directory(given.destination))
      directory_ = std::make_unique<body_directory>(given.destination);
    readable_ = out_.is_terminal() && !bodies_in_records_;
  }

  bool wants_bodies() const noexcept { return one_page_ || bodies_in_records_ || directory_; }

  void operator()(outcome<fetch::record> out, const fetch::request& asked) {
    const std::uint64_t index = out.index;
    fetch::record result = out.ok() ? std::move(out).value() : fetch::record_of(out.error());
    counts_.add(result);
    std::string file;
    if (directory_ && result.status != 0) file = directory_->store(index, body_of(result));
    if (one_page_) return write_page(asked, result);
    if (!bodies_in_records_) result.body.reset();
    line_.clear();
    if (readable_)
      fetch::append_readable(line_, asked, result);
    else
      fetch::append_json(line_, index, asked, result, file);
    out_.write(line_);
  }

  void close() { out_.close(); }
  const fetch_counts& counts() const noexcept { return counts_; }

 private:
  static std::string_view body_of(const fetch::record& result) {
    return result.body ? std::string_view(*result.body) : std::string_view();
  }

  static output open_output(const fetch_options& given) {
    const bool to_file = !given.destination.empty() && !names_directory(given.destination);
    return to_file ? output::create(given.destination) : output::standard();
  }

  /// One URL: its body is the output, as with curl, and what went wrong is a message.
  void write_page(const fetch::request& asked, const fetch::record& result) {
    if (!directory_) out_.write(body_of(result));
    if (!result.error) return;
    line_.clear();
    fetch::append_readable(line_, asked, result);
    tell("fanout fetch: " + line_);
  }

  bool one_page_;
  bool bodies_in_records_;
  bool readable_ = false;
  output out_;
  std::unique_ptr<body_directory> directory_;
  fetch_counts counts_;
  std::string line_;
};

fetch::settings settings_of(const fetch_options& given, bool keep_body) {
  fetch::settings how;
  how.timeout_ms = given.timeout.count();
  how.connect_timeout_ms = given.connect_timeout.count();
  how.max_body_bytes = given.max_bytes;
  how.max_redirects = static_cast<std::int32_t>(given.max_redirects);
  how.verify_tls = !given.insecure;
  how.ca_file = given.ca_file;
  how.keep_body = keep_body;
  how.keep_headers = given.with_headers;
  return how;
}

int run_fetch(const fetch_options& given) {
  turn_write_signals_into_errors();
  check_limits(given);
  options how(shape_of(given));
  how.on_error = on_error::collect;

  std::string list = given.list;
  if (given.urls.empty() && list.empty()) {
    if (isatty(STDIN_FILENO) == 1)
      throw usage_error("no URL; give URLs, or a list of them with -i FILE, or on standard input");
    list = "-";
  }
  const bool one_page = given.urls.size() == 1 && list.empty() && !given.with_bodies && !given.with_headers;
  if (!given.ca_file.empty() && access(given.ca_file.c_str(), R_OK) != 0)
    throw usage_error(fmt::format("--cacert: cannot read {}: {}", given.ca_file, std::strerror(errno)));
  fetch::request_source source(given.urls, list);
  source.set_defaults(method_of(given), parse_headers(given.headers), read_body(given.body.value_or("")));
  fetch_sink sink(given, one_page);
  std::optional<output> summary;  // opened now: after a long run it is late to learn that it cannot be
  if (!given.summary_file.empty()) summary.emplace(output::create(given.summary_file));

  how.interrupt = &catch_ctrl_c(first_ctrl_c::drains);
  const bool live = !given.quiet && !one_page && isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) != 1;
  if (live) how.on_progress = [&sink](const progress& now) { show_progress(now, sink.counts()); };
  const auto task = remote<fetch::exchange>.with(settings_of(given, sink.wants_bodies()));
  const report cost = run(how, source, task, sink);
  if (live) clear_progress();
  sink.close();

  if (summary) {
    summary->write(summary_json(cost, sink.counts()));
    summary->close();
  }
  if (!given.quiet && !one_page) tell(summary_text(cost, sink.counts()));
  if (how.interrupt->level() > 0) return interrupted;
  return sink.counts().failed == 0 ? ok : some_failed;
}

int guarded(const fetch_options& given) {
  try {
    return run_fetch(given);
  } catch (const output_error& why) {
    tell(fmt::format("fanout fetch: {}\n", why.what()));
    return output_failed;
  } catch (const std::exception& why) {
    tell(fmt::format("fanout fetch: {}\n", why.what()));
    return usage;
  }
}

}  // namespace

void add_fetch(CLI::App& app, std::function<int()>& chosen) {
  auto given = std::make_shared<fetch_options>();
  CLI::App* const command = app.add_subcommand("fetch", "Fetch URLs: one record for each, in the order they complete");
  command->footer(
      "One URL: its body goes to standard output. Several: JSON Lines records, or readable lines on a terminal.\n"
      "Exit status: 0 all succeeded, 1 some failed, 2 usage or input error, 3 output could not be written,\n"
      "130 interrupted (the first Ctrl-C lets what is under way finish, for at most 5 s; the second stops it).");
  command->add_option("URL", given->urls, "What to fetch");
  command->add_option(
      "-i,--input", given->list,
      "List of URLs, one a line, or JSON Lines {\"url\",\"id\"?,\"method\"?,\"headers\"?,\"body\"?}; plain, "
      "gzip or zstd; - for standard input");
  command->add_option("-o,--output", given->destination,
                      "One URL: the file for its body. Several: the file for the records; or a directory (existing, or "
                      "with a / at its end) for the bodies, named by index");
  command
      ->add_option("-s,--shape", given->shape,
                   "sync, threads:N, async:N, processes:N, hybrid:N, auto, or PxTxC (processes x threads x tasks in "
                   "flight on each thread)")
      ->capture_default_str();
  add_count(*command, "-j,--jobs", given->in_flight, {1, shape_limits::in_flight}, "Tasks in flight altogether");
  add_duration(*command, "--timeout", given->timeout, "Limit for each URL, redirects included");
  add_duration(*command, "--connect-timeout", given->connect_timeout,
               "Limit for look-up, connection and TLS handshake");
  command->add_option("-X,--request", given->method, "Method (default GET, with -d POST)");
  command->add_option("-H,--header", given->headers, "Header to send, 'Name: value'; may be repeated")
      ->expected(1)
      ->take_all();
  command->add_option("-d,--data", given->body, "Body to send; @FILE reads it from a file");
  command->add_option("--cacert", given->ca_file, "PEM file of the issuers to trust, instead of the system's");
  command->add_flag("-k,--insecure", given->insecure, "Accept any TLS certificate");
  add_count(*command, "--max-redirects", given->max_redirects, {0, 1000}, "Redirects to follow; 0 for none");
  add_size(*command, "--max-bytes", given->max_bytes, "Largest body accepted, such as 10MiB");
  command->add_flag("--with-headers", given->with_headers, "Put the response's headers into the record");
  command->add_flag("--with-bodies", given->with_bodies, "Put the body into the record, as text or base64");
  command->add_option("--summary", given->summary_file, "Write a summary of the run to this file, as JSON");
  command->add_flag("-q,--quiet", given->quiet, "No progress and no summary on standard error");
  command->callback([given, &chosen] { chosen = [given] { return guarded(*given); }; });
}

}  // namespace fanout::cli
