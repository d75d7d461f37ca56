// fanout fetch: the main job. source -> lane -> exchange -> record -> file.

#include <fanout/core/run.hpp>
#include <fanout/fetch/body_directory.hpp>
#include <fanout/fetch/cookies.hpp>
#include <fanout/fetch/descriptor_limit.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/output.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/fetch/request_source.hpp>
#include <fanout/fetch/summary.hpp>
#include <fanout/http/cookies.hpp>
#include <fanout/process/remote.hpp>

#include "cli/command.hpp"
#include "cli/ctrl_c.hpp"
#include "cli/fetch_options.hpp"
#include "cli/fetch_request.hpp"
#include "cli/fetch_settings.hpp"
#include "cli/fetch_text.hpp"
#include "cli/messages.hpp"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>

namespace fanout::cli {
namespace {

/// What `make` returns; if it refuses, the message gets the option's name.
template <class Make>
shape named(std::string_view option, Make make) {
  try {
    return make();
  } catch (const std::invalid_argument& refused) {
    throw usage_error(fmt::format("{}: {}", option, refused.what()));
  }
}

/// As much of it as the limit of open files allows.
shape fitted(const shape& asked) {
  const shape fits = named("-s", [&] { return fetch::fitted(asked); });
  if (fits.tasks != asked.tasks)
    tell(fmt::format("fanout fetch: {} tasks in flight, not {}: that is what the limit of {} open files allows\n",
                     fits.tasks, asked.tasks, fetch::descriptor_limit()));
  return fits;
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

bool names_directory(const std::string& path) {
  struct stat status{};
  return path.ends_with('/') || (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode));
}

/// Where records and bodies go.
class fetch_sink {
 public:
  fetch_sink(const fetch_options& given, bool one_page)
      : one_page_(one_page),
        heads_(given.head),
        headers_in_records_(given.with_headers),
        bodies_in_records_(given.with_bodies),
        out_(open_output(given)) {
    if (!given.destination.empty() && names_directory(given.destination))
      directory_ = std::make_unique<fetch::body_directory>(given.destination);
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
    if (!headers_in_records_) result.headers.clear();
    line_.clear();
    if (readable_)
      fetch::append_readable(line_, asked, result);
    else
      fetch::append_json(line_, index, asked, result, file);
    out_.write(line_);
  }

  void close() { out_.close(); }
  const fetch::counts& counts() const noexcept { return counts_; }

 private:
  static std::string_view body_of(const fetch::record& result) {
    return result.body ? std::string_view(*result.body) : std::string_view();
  }

  static fetch::output open_output(const fetch_options& given) {
    const bool to_file = !given.destination.empty() && !names_directory(given.destination);
    return to_file ? fetch::output::create(given.destination) : fetch::output::standard();
  }

  /// One URL: its body is the output, as with curl, or after HEAD its header; what went wrong is a message.
  void write_page(const fetch::request& asked, const fetch::record& result) {
    line_.clear();
    if (heads_ && result.status != 0) fetch::append_head(line_, result);
    if (!directory_) out_.write(heads_ ? std::string_view(line_) : body_of(result));
    if (!result.error) return;
    line_.clear();
    fetch::append_readable(line_, asked, result);
    tell("fanout fetch: " + line_);
  }

  bool one_page_;
  bool heads_;
  bool headers_in_records_;
  bool bodies_in_records_;
  bool readable_ = false;
  fetch::output out_;
  std::unique_ptr<fetch::body_directory> directory_;
  fetch::counts counts_;
  std::string line_;
};

/// The cookies of a run that keeps them; what is wrong with their file is known before the first request.
std::shared_ptr<http::cookie_jar> jar_of(const fetch::settings& how) {
  try {
    http::skipped_lines skipped;
    auto jar = fetch::cookie_jar_of(how, &skipped);
    if (skipped.count > 0)
      tell(fmt::format("fanout fetch: {}: skipped {} line{} that cannot be read; the first: {}\n", how.cookie_file,
                       skipped.count, skipped.count == 1 ? "" : "s", skipped.first));
    return jar;
  } catch (const std::runtime_error& refused) {
    throw usage_error(fmt::format("--cookie: {}", refused.what()));
  }
}

int run_fetch(const fetch_options& given) {
  turn_write_signals_into_errors();
  options how(shape_of(given));
  how.on_error = on_error::collect;

  std::string list = given.list;
  if (given.urls.empty() && list.empty()) {
    if (isatty(STDIN_FILENO) == 1)
      throw usage_error("no URL; give URLs, or a list of them with -i FILE, or on standard input");
    list = "-";
  }
  if (list == "-" && reads_standard_input(given))
    throw usage_error("@-: standard input is the list of URLs already; give the URLs as arguments, or the list by -i");
  const bool one_page =
      given.urls.size() == 1 && list.empty() && !given.with_bodies && !given.with_headers && !given.timings;
  const common_request common = request_of(given);
  fetch::request_source source(given.urls, list);
  source.set_defaults(common.method, common.headers, common.body, common.content_type);
  fetch_sink sink(given, one_page);
  const fetch::settings settings = settings_of(given, common, how.shape, sink.wants_bodies());
  const auto jar = jar_of(settings);
  const std::string jar_file = given.cookie_jar == "-" ? "/dev/stdout" : given.cookie_jar;
  if (!jar_file.empty()) fetch::check_cookie_file(jar_file);
  std::optional<fetch::output> summary;  // opened now: after a long run it is late to learn that it cannot be
  if (!given.summary_file.empty()) summary.emplace(fetch::output::create(given.summary_file));

  how.interrupt = &catch_ctrl_c(first_ctrl_c::drains);
  const bool live = !given.quiet && !one_page && isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) != 1;
  if (live) how.on_progress = [&sink](const progress& now) { show_progress(now, sink.counts()); };
  const auto task = remote<fetch::exchange>.with(settings);
  const report cost = run(how, task, source, sink);
  if (live) clear_progress();
  sink.close();
  if (!jar_file.empty()) fetch::save_cookies(*jar, jar_file);

  if (summary) {
    summary->write(fetch::summary_json(cost, sink.counts()));
    summary->close();
  }
  if (!given.quiet && !one_page) tell(summary_text(cost, sink.counts()));
  if (how.interrupt->level() > 0) return interrupted;
  return sink.counts().failed == 0 ? ok : some_failed;
}

int guarded(const fetch_options& given) {
  try {
    return run_fetch(given);
  } catch (const fetch::cookie_file_error& why) {
    tell(fmt::format("fanout fetch: --cookie-jar: {}\n", why.what()));
    return output_failed;
  } catch (const fetch::output_error& why) {
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
  add_fetch_options(*command, *given);
  command->callback([given, &chosen] { chosen = [given] { return guarded(*given); }; });
}

}  // namespace fanout::cli
