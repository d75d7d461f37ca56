// fanout fetch: the main job. What it runs is fetch/job.

#include <fanout/fetch/cookies.hpp>
#include <fanout/fetch/descriptor_limit.hpp>
#include <fanout/fetch/find_repeats.hpp>
#include <fanout/fetch/http_options.hpp>
#include <fanout/fetch/input_identity.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/fetch/output.hpp>
#include <fanout/fetch/request_source.hpp>
#include <fanout/fetch/run_log.hpp>
#include <fanout/fetch/run_statistics.hpp>
#include <fanout/fetch/sinks.hpp>
#include <fanout/fetch/summary.hpp>
#include <fanout/fetch/url_glob.hpp>
#include <fanout/fetch/validators.hpp>
#include <fanout/http/cookie.hpp>

#include "cli/fetch/fetch_checks.hpp"
#include "cli/fetch/fetch_on_ray.hpp"
#include "cli/fetch/fetch_options.hpp"
#include "cli/fetch/fetch_run.hpp"
#include "cli/fetch/fetch_sinks.hpp"
#include "cli/fetch/fetch_text.hpp"
#include "cli/fetch/metrics_server.hpp"
#include "cli/fetch/page_file.hpp"
#include "cli/fetch/run_monitor.hpp"
#include "cli/text/command.hpp"
#include "cli/text/ctrl_c.hpp"
#include "cli/text/messages.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

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
  const shape asked = named("-s", [&] {
    const shape read = parse_shape(given.shape);
    validate(read);
    return read;
  });
  if (given.in_flight == 0) return fitted(asked);
  const bool has_count = given.shape.find_first_of(":x") != given.shape.npos;
  const auto tasks = static_cast<std::uint32_t>(given.in_flight);
  if (has_count && asked.tasks != tasks)
    throw usage_error(fmt::format("-s {} has {} tasks in flight and -j asks for {}; give one of them", given.shape,
                                  asked.tasks, tasks));
  return fitted(named("-j", [&] { return with_tasks(asked, tasks); }));
}

/// What is wrong with the file of cookies is known before the first request.
void read_cookies(const fetch::settings& how) {
  try {
    http::skipped_lines skipped;
    fetch::cookie_jar_of(how, &skipped);
    if (skipped.count > 0)
      tell(fmt::format("fanout fetch: {}: skipped {} line{} that cannot be read; the first: {}\n", how.cookie_file,
                       skipped.count, skipped.count == 1 ? "" : "s", skipped.first));
  } catch (const std::runtime_error& refused) {
    throw usage_error(fmt::format("--cookie: {}", refused.what()));
  }
}

/// What the records have to have for the options of what is written.
void keep_what_is_written(const fetch_options& given, bool one_page, fetch::settings& in) {
  in.drop_failed_bodies = given.fail;
  // Of several at a time, each is shown when it is over.
  in.show_trace = given.verbose && ((one_page && given.urls.size() == 1) || given.shape == "sync");
  in.keep_trace = given.verbose && !in.show_trace;
  if (!one_page) in.keep_body = false;  // the sinks that write it say so
  in.number_trace = !one_page || (given.as_curl && given.shape != "sync");
  in.keep_heads = given.include || given.http.head || !given.header_file.empty() || !given.archive.empty() ||
                  !given.write_out.empty();
  in.keep_timings |= !given.write_out.empty() || !given.archive.empty();
}

int exit_status_of(const fetch_options& given, const fetch::job_report& done, const fetch_sinks& sinks) {
  if (given.as_curl) return sinks.curl_status();
  return done.counts.failed == 0 ? ok : some_failed;
}

identified_job identified(const fetch_options& given, bool one_page, const std::vector<std::string>& lists,
                          const fetch::settings& how, const fetch::common_request& common) {
  identified_job made;
  if (one_page || given.destination.empty()) return made;
  made.again = std::all_of(lists.begin(), lists.end(), [](const std::string& each) {
    return fetch::can_be_read_again(each) || fetch::can_be_kept(each);
  });
  if (!made.again) return made;
  made.identity = fetch::identity_of_inputs(given.urls, lists);
  if (!given.bulk.url_column.empty()) made.identity.emplace_back("--url-column", given.bulk.url_column);
  if (given.bulk.globs) made.identity.emplace_back("--glob", "given");
  if (given.bulk.dedupe) made.identity.emplace_back("--dedupe", "given");
  if (!given.bulk.since.empty()) made.identity.emplace_back("--since", given.bulk.since);
  if (!given.bulk.name_template.empty()) made.identity.emplace_back("--name", given.bulk.name_template);
  for (auto& each : fetch::identity_of_options(how, common)) made.identity.push_back(std::move(each));
  return made;
}

fetch::request_source source_of(const fetch_options& given, const std::vector<std::string>& lists,
                                const fetch::common_request& common, const fetch::settings& how) {
  fetch::request_source source(given.urls, lists);
  source.set_defaults(common.method, common.headers, common.body, common.content_type);
  source.set_url_end(common.query, common.upload_name);
  source.set_passthrough(given.http.passthrough);
  if (!given.bulk.url_column.empty()) source.set_url_column(given.bulk.url_column);
  source.set_sitemap_settings(how);
  source.set_globs(given.bulk.globs && !given.as_curl);
  return source;
}

/// Whether the run finds out by itself how much it has in flight.
bool is_adaptive(const fetch_options& given, bool one_page) {
  return !one_page && given.in_flight == 0 && given.shape == "auto";
}

/// When the requests of a list are sent; none: as the list has them. Retries of a page are the exchange's, as curl's.
std::optional<fetch::schedule_rules> schedule_of(const fetch_options& given, const fetch::settings& how,
                                                 const fetch::common_request& common, bool one_page) {
  const bool retries = how.retries > 0 && !one_page;
  const bool adapts = is_adaptive(given, one_page);
  const bool heeds_robots = given.bulk.robots && !one_page;
  if (!given.bulk.limits_hosts && !retries && !adapts && !heeds_robots) return std::nullopt;
  fetch::schedule_rules rules;
  if (heeds_robots) fetch::heed_robots(common, rules);
  rules.adaptive = adapts;
  rules.hosts = given.bulk.hosts;
  rules.give_up_after = given.bulk.give_up_after;
  if (!given.quiet) rules.on_wait = [](const fetch::waiting_requests& left) { tell(waiting_text(left)); };
  if (retries) rules.retry = fetch::retry_rules_of(how, given.bulk.retry_budget);
  return rules;
}

/// One URL, which stands for no others.
bool is_one_url(const fetch_options& given) {
  if (given.urls.size() != 1) return false;
  if (!given.bulk.globs || given.as_curl || given.urls[0].starts_with("{\"")) return true;
  return fetch::url_glob(given.urls[0]).size() == 1;
}

/// How large lists are that can be read once more.
class list_sizes {
 public:
  explicit list_sizes(const std::vector<std::string>& lists) {
    for (const std::string& each : lists)
      if (fetch::can_be_read_again(each)) sizes_.emplace_back(each, size_of(each));
  }
  /// Says which ones are not what they were; true if one is smaller, so that lines were lost.
  bool tell_changes() const {
    bool smaller = false;
    for (const auto& [path, size] : sizes_) {
      const std::uintmax_t now = size_of(path);
      if (now == size) continue;
      tell(fmt::format("fanout fetch: {} has changed while it was read: it has {} bytes, and had {} at the beginning\n",
                       path, now, size));
      smaller = smaller || now < size;
    }
    return smaller;
  }

 private:
  static std::uintmax_t size_of(const std::string& path) {
    std::error_code none;
    const std::uintmax_t size = std::filesystem::file_size(path, none);
    return none ? 0 : size;
  }
  std::vector<std::pair<std::string, std::uintmax_t>> sizes_;
};

progress_style style_of(const fetch_options& given, bool one_page) {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  switch (given.bulk.progress) {
    case progress_choice::none:
      return progress_style::none;
    case progress_choice::plain:
      return progress_style::plain;
    case progress_choice::bar:
      return progress_style::bar;
    default:
      if (given.quiet || one_page) return progress_style::none;
      if (!terminal) return progress_style::plain;
      // Records that come to the same terminal say how far it is.
      return isatty(STDOUT_FILENO) == 1 && given.destination.empty() ? progress_style::none : progress_style::bar;
  }
}

/// Lists are read twice.
void check_dedupe(const fetch_options& given, const std::vector<std::string>& lists) {
  const bool to_file = !given.destination.empty() && given.destination != "-";
  const auto can_be = [to_file](const std::string& list) {
    return fetch::can_be_read_again(list) || (to_file && fetch::can_be_kept(list));
  };
  if (!std::all_of(lists.begin(), lists.end(), can_be))
    throw usage_error(
        "--dedupe: reads the list twice. Standard input and pipes cannot be read twice, and a sitemap at a URL only "
        "with -o FILE; give a file by -i");
}

/// Says now and then how far it is: a list of a hundred million takes minutes.
fetch::duplicate_set repeats_in(fetch::request_source& source, const fetch_options& given, progress_style style) {
  using std::chrono::steady_clock;
  const bool bar = style == progress_style::bar;
  const std::chrono::milliseconds interval = bar ? std::chrono::milliseconds(100) : given.bulk.progress_interval;
  auto next = steady_clock::now() + interval;
  fetch::duplicate_set found = fetch::find_repeats(source, [&](std::uint64_t read) {
    if (style == progress_style::none || steady_clock::now() < next) return;
    next = steady_clock::now() + interval;
    const std::string text = fmt::format("{} URLs read to find repeats", read);
    tell(bar ? "\r" + text + "\x1b[K" : "fanout fetch: " + text + "\n");
  });
  if (bar) tell("\r\x1b[K");
  return found;
}

/// What is there stays, and the same command goes on with it.
fetch::output_error with_advice(const fetch::output_error& why) {
  constexpr std::string_view advice = "run the same command again to go on";
  const std::string text = why.what();
  return fetch::output_error(text.find(advice) == text.npos ? fmt::format("{}; {}", text, advice) : text);
}

/// Who looks on.
monitor_options monitor_of(const fetch_options& given, const std::vector<std::string>& lists,
                           const fetch::common_request& common, bool one_page, const fetch::job& job,
                           const fetch_sinks& sinks, std::optional<metrics_listener> metrics) {
  monitor_options made;
  if (one_page) return made;
  made.style = style_of(given, one_page);
  made.interval = given.bulk.progress_interval;
  made.metrics = std::move(metrics);
  if (sinks.can_go_on()) made.log = fetch::run_log_path(sinks.record_path());
  made.beginning = {to_string(job.how.shape), sinks.done_before(), !sinks.resumed()};
  made.part = job.part;
  if (job.repeats != nullptr && !job.part) made.passed_over = job.repeats->size();
  const bool can_be_counted = job.repeats == nullptr || !job.part;
  if (can_be_counted && std::all_of(lists.begin(), lists.end(), fetch::can_be_read_again))
    made.inputs = [given, lists, common, how = job.settings] { return source_of(given, lists, common, how); };
  return made;
}

int run_job(const fetch_options& given, const shared_outputs& with) {
  turn_write_signals_into_errors();
  fetch::job job;
  job.how.shape = shape_of(given);

  std::vector<std::string> lists = given.lists;
  if (given.urls.empty() && lists.empty()) {
    if (isatty(STDIN_FILENO) == 1)
      throw usage_error("no URL; give URLs, or a list of them with -i FILE, or on standard input");
    lists.emplace_back("-");
  }
  if (std::count(lists.begin(), lists.end(), "-") > 0 && fetch::reads_standard_input(given.http))
    throw usage_error("@-: standard input is the list of URLs already; give the URLs as arguments, or the list by -i");
  const bool one_page = given.as_curl || (is_one_url(given) && lists.empty() && !given.http.settings.keep_body &&
                                          !given.http.settings.keep_headers && !given.http.settings.keep_timings);
  check_options(given, one_page);
  if (given.bulk.dedupe && !one_page) check_dedupe(given, lists);
  const fetch::common_request common = fetch::request_of(given.http);
  job.settings = fetch::settings_of(given.http, common);
  if (!job.settings.trace_file.empty() && job.how.shape.uses_workers())
    throw usage_error(
        fmt::format("--trace: -s {} runs in worker processes, whose exchanges have no common file; use sync, "
                    "threads:N, async:N, hybrid:N or auto",
                    given.shape));
  fetch::request_source source = source_of(given, lists, common, job.settings);
  std::optional<fetch::validators> known;  // before the output is opened: it may be the same
  if (!given.bulk.since.empty()) known.emplace(given.bulk.since);
  std::optional<metrics_listener> metrics;  // before any file is made, too
  if (!given.bulk.metrics.empty() && !one_page) metrics.emplace(given.bulk.metrics);
  if (!given.as_curl) begin_trace(job.settings.trace_file);  // several jobs of a line of curl have one in common
  const list_sizes sizes(lists);
  page_file file(one_page ? given : fetch_options{});
  const fetch_sinks sinks(given, one_page, file, identified(given, one_page, lists, job.settings, common), with,
                          known ? &*known : nullptr);
  job.sinks = sinks.all();
  const std::string store = sinks.can_go_on() ? sinks.record_path() + ".sitemaps" : std::string();
  bool store_goes_on = sinks.resumed() && sinks.done_before() > 0;
  std::optional<fetch::duplicate_set> repeats_found;
  if (given.bulk.dedupe && !one_page) {
    fetch::request_source first = source_of(given, lists, common, job.settings);
    if (!store.empty()) first.set_sitemap_store(store, store_goes_on);
    repeats_found = repeats_in(first, given, style_of(given, one_page));
    job.repeats = &*repeats_found;
    store_goes_on = access(store.c_str(), F_OK) == 0;
  }
  if (!store.empty()) source.set_sitemap_store(store, store_goes_on);
  job.schedule = schedule_of(given, job.settings, common, one_page);
  if (job.schedule && job.schedule->adaptive) {
    job.how.shape = named("-s", [&] { return fetch::fitted(automatic(job.schedule->most_in_flight)); });
    job.schedule->most_in_flight = job.how.shape.tasks;
  }
  job.part = given.bulk.part;
  if (!given.http.cookie_jar.empty() && job.how.shape.uses_workers())
    throw usage_error(
        fmt::format("--cookie-jar: -s {} runs in worker processes, each with cookies of its own, which end with it; "
                    "use sync, threads:N, async:N, hybrid:N or auto",
                    given.shape));
  keep_what_is_written(given, one_page, job.settings);
  job.settings.overwrite_bodies = sinks.overwrites();
  read_cookies(job.settings);
  job.save_cookies = given.http.cookie_jar == "-" ? "/dev/stdout" : given.http.cookie_jar;
  if (!job.save_cookies.empty()) fetch::check_cookie_file(job.save_cookies);
  std::optional<fetch::output> summary;  // opened now: after a long run it is late to learn that it cannot be
  if (!given.summary_file.empty()) summary.emplace(fetch::output::create(given.summary_file));

  job.how.interrupt = &catch_ctrl_c(first_ctrl_c::drains, given.bulk.drain_seconds);
  if (!one_page) catch_user_signal(given.bulk.usr1_drains ? user_signal::drains : user_signal::tells);
  if (!one_page)
    job.on_progress = [](const progress& now, const fetch::counts& counts) {
      if (state_asked_for()) tell(state_text(now, counts));
    };
  std::optional<fetch::conditional_input> conditional;
  if (known) conditional.emplace(source, *known);
  fetch::run_statistics statistics;
  if (!one_page) job.statistics = &statistics;
  run_monitor monitor(statistics, monitor_of(given, lists, common, one_page, job, sinks, std::move(metrics)));
  if (const std::string url = monitor.metrics_url(); !url.empty())
    tell(fmt::format("fanout fetch: metrics at {}\n", url));
  const fetch::job_report done = [&] {
    try {
      return job.run(conditional ? static_cast<fetch::request_input&>(*conditional) : source);
    } catch (const fetch::output_error& why) {
      if (!sinks.can_go_on()) throw;
      throw with_advice(why);
    }
  }();
  monitor.end(done.limits_found);
  const auto& cost = done.cost;
  const fetch::counts& counts = done.counts;

  if (summary) {
    summary->write(one_page ? fetch::summary_json(cost, counts) : fetch::summary_json(cost, counts, statistics));
    summary->close();
  }
  if (!given.quiet && !one_page) tell(summary_text(done) + statistics_text(statistics));
  if (const auto renamed = sinks.renamed(); renamed > 0 && !given.quiet)
    tell(fmt::format("fanout fetch: {} {} a number at the end, as the name was taken; the records have the names\n",
                     renamed, renamed == 1 ? "file has" : "files have"));
  if (given.remove_on_error && (cost.stopped || exit_status_of(given, done, sinks) != ok)) file.remove();
  const std::string& destination = one_page ? file.path() : sinks.record_path();
  if (cost.stopped && sinks.can_go_on())
    tell(fmt::format("fanout fetch: {} records are whole; run the same command again to go on\n",
                     done.done_before + counts.succeeded + counts.failed - counts.of(failure_kind::cancelled)));
  else if (const std::string part = destination + ".part"; cost.stopped && access(part.c_str(), F_OK) == 0)
    tell(fmt::format("fanout fetch: {} stays as it was; the {} so far {} in {}\n", destination,
                     one_page ? "body" : "records", one_page ? "is" : "are", part));
  if (job.how.interrupt->level() > 0)
    return terminated() && cost.stopped && sinks.can_go_on() ? stopped_resumable : interrupted;
  if (const std::string path = file.rename(); !path.empty() && !given.quiet)
    tell(fmt::format("fanout fetch: saved as {}\n", path));
  if (!one_page && sizes.tell_changes()) return usage;
  return exit_status_of(given, done, sinks);
}

}  // namespace

int run_fetch(const fetch_options& given, const shared_outputs& with) {
  const std::string_view who = given.as_curl ? "fanout curl" : "fanout fetch";
  try {
    if (!given.as_curl && !given.error_file.empty()) redirect_messages(given.error_file);
    return run_job(given, with);
  } catch (const fetch::cookie_file_error& why) {
    tell(fmt::format("{}: --cookie-jar: {}\n", who, why.what()));
    return given.as_curl ? 23 : output_failed;
  } catch (const fetch::output_error& why) {
    tell(fmt::format("{}: {}\n", who, why.what()));
    return given.as_curl ? 23 : output_failed;
  } catch (const std::exception& why) {
    tell(fmt::format("{}: {}\n", who, why.what()));
    return usage;
  }
}

void add_fetch(CLI::App& app, std::function<int()>& chosen, std::vector<std::string> arguments) {
  auto given = std::make_shared<fetch_options>();
  CLI::App* const command = app.add_subcommand("fetch", "Fetch URLs: one record for each, in the order they complete");
  command->footer(
      "With one URL, its body is written to standard output. With several: JSON Lines records, or readable lines on a "
      "terminal.\n"
      "Exit status: 0 all succeeded, 1 some failed, 2 usage or input error, 3 output could not be written, 75 "
      "stopped by SIGTERM (run the same command again to continue), 130 interrupted (the first Ctrl-C lets running "
      "requests finish, for at most 5 s; the second stops them).\n"
      "\n"
      "Examples:\n"
      "  fanout fetch https://example.org/\n"
      "  fanout fetch -i urls.txt -o records.jsonl --retry 3\n"
      "  zcat urls.gz | fanout fetch -i - -s hybrid:1000 -o pages/");
  add_fetch_options(*command, *given);
  command->callback([given, command, &chosen, arguments = std::move(arguments)] {
    chosen = [given, command, arguments] {
      return given->bulk.on ? run_on_ray(*given, *command, arguments) : run_fetch(*given);
    };
  });
}

}  // namespace fanout::cli
