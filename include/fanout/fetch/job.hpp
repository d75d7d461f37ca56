#pragma once

#include <fanout/core/options.hpp>
#include <fanout/core/report.hpp>
#include <fanout/core/source.hpp>
#include <fanout/fetch/adaptive_limit.hpp>
#include <fanout/fetch/duplicate_finder.hpp>
#include <fanout/fetch/request_source.hpp>
#include <fanout/fetch/run_statistics.hpp>
#include <fanout/fetch/schedule_rules.hpp>
#include <fanout/fetch/settings.hpp>
#include <fanout/fetch/shard.hpp>
#include <fanout/fetch/sinks.hpp>
#include <fanout/fetch/summary.hpp>
#include <fanout/fetch/writer.hpp>

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// A bulk fetch, as `fanout fetch` runs it.
namespace fanout::fetch {

/// What a job came to.
struct job_report {
  report cost;
  fetch::counts counts;               ///< of what this run fetched
  std::uint64_t done_before = 0;      ///< requests whose records were there already (`sink::done`)
  std::uint64_t repeats = 0;          ///< requests that were passed over as repeats
  std::uint64_t retries = 0;          ///< attempts of requests that were sent again (`job::schedule`)
  std::uint32_t in_flight_found = 0;  ///< how many may be in flight, as found in the end (`schedule_rules::adaptive`)
  std::vector<host_limit> limits_found = {};  ///< of a hundred hosts, those with most in flight first
  std::uint64_t elsewhere = 0;                ///< requests of other shards
};

/// Fetches what a source gives, under any shape, and hands a record of each request to its sinks.
///
///     fanout::fetch::json_lines records(fanout::fetch::output::create("records.jsonl"));
///     fanout::fetch::job pages;
///     pages.how.shape = fanout::async(64);
///     pages.sinks = {&records};
///     const auto done = pages.run(fanout::fetch::request_source({}, "urls.txt.gz"));
///     std::printf("%llu failed\n", static_cast<unsigned long long>(done.counts.failed));
///
/// A request that fails is a record with an error; it does not end the job. Memory does not grow with the source: it is
/// read as far as there is a place for the next exchange, and room in the queue to the writer, so a slow disk slows the
/// job. Under shapes whose tasks are coroutines, no thread of an event loop waits for that.
///
/// Thread safety: jobs may run at the same time, on different threads, with sinks of their own.
struct job {
  fetch::settings settings;          ///< of all exchanges; bodies and headers are kept where a sink wants them
  options how{fanout::automatic()};  ///< fitted to the limit of open files (descriptor_limit.hpp). `on_error` is
                                     ///< `collect`, whatever it says here
  /// When requests are sent: limits of hosts, retries, and what is given up. None: in the order of the source, with the
  /// retries of `settings`, which hold a task's place while they wait. The limits hold for the whole run, whatever its
  /// shape; with worker processes a request counts from the moment it is handed to one. A host whose server answers 429
  /// or 503 with Retry-After is left alone as long.
  std::optional<schedule_rules> schedule = std::nullopt;
  const duplicate_set* repeats = nullptr;  ///< by index in the source: not sent (find_repeats.hpp)
  /// Requests of other shards are passed over; numbers stay those of the whole list.
  std::optional<fetch::shard> part = std::nullopt;
  run_statistics* statistics = nullptr;  ///< is told of what begins and ends
  std::vector<sink*> sinks;              ///< of each record in this order; none: it is counted
  queue_limits queue;                    ///< to the writer
  std::string save_cookies;  ///< the file for all cookies, in the end; empty: none. Not with worker processes
  /// As `options::on_progress`, and with what was counted so far.
  std::function<void(const progress&, const counts&)> on_progress;

  /// Returns when every request that was started has ended and its record was written.
  ///
  /// Throws `output_error` when a record cannot be written: the records before it are whole, and exchanges under way
  /// were cancelled. Throws as `fanout::run` does, what the source throws included.
  job_report run(request_input& source) const;
  job_report run(request_input&& source) const { return run(source); }

  /// Of any source of requests, or of URLs: a `std::vector<std::string>`, say.
  template <any_source Source>
    requires(!std::derived_from<std::remove_cvref_t<Source>, request_input>)
  job_report run(Source&& source) const;
};

namespace detail {

/// A source of requests or URLs as a `request_input`.
template <class Puller>
class wrapped_input final : public request_input {
 public:
  template <class Source>
    requires(!std::same_as<std::remove_cvref_t<Source>, wrapped_input>)
  explicit wrapped_input(Source&& source) : source_(fanout::detail::make_puller(std::forward<Source>(source))) {}

  std::optional<request> next() override {
    auto given = source_.next();
    if (!given) return std::nullopt;
    if constexpr (std::is_convertible_v<decltype(*std::move(given)), request>) {
      return *std::move(given);
    } else {
      request made;
      made.url = *std::move(given);
      return made;
    }
  }
  bool ready() override {
    if constexpr (waitable_source<Puller>)
      return source_.ready();
    else
      return true;
  }
  int handle() override {
    if constexpr (waitable_source<Puller>)
      return source_.handle();
    else
      return -1;
  }

 private:
  Puller source_;
};

}  // namespace detail

template <any_source Source>
  requires(!std::derived_from<std::remove_cvref_t<Source>, request_input>)
job_report job::run(Source&& source) const {
  detail::wrapped_input<fanout::detail::puller_t<Source>> input(std::forward<Source>(source));
  return run(static_cast<request_input&>(input));
}

}  // namespace fanout::fetch
