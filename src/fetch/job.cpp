#include <fanout/core/detail/source_gate.hpp>
#include <fanout/core/run.hpp>
#include <fanout/fetch/cookies.hpp>
#include <fanout/fetch/descriptor_limit.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/process/remote.hpp>

#include "fetch/bodies/temporary_bodies.hpp"
#include "fetch/schedule/scheduled_input.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>

namespace fanout::fetch {
namespace {

/// The requests of a job with their numbers in the whole list, but for those that are done.
/// With `names_files` each is told the name of its body's file.
class numbered_source final : public request_input {
 public:
  numbered_source(request_input& source, bool names_files, const done_set* done, const duplicate_set* repeats,
                  const std::optional<shard>& part)
      : source_(source), names_files_(names_files), done_(done), repeats_(repeats), part_(part) {}

  std::optional<request> next() override {
    std::optional<request> given;
    next_into(given);
    return given;
  }
  bool next_into(std::optional<request>& place) override {
    for (;; ++index_) {
      const bool is_done = done_ != nullptr && done_->contains(index_);
      if (is_done || (repeats_ != nullptr && repeats_->contains(index_))) {
        if (!source_.skip()) return false;
        ++(is_done ? passed_ : repeated_);
        continue;
      }
      if (!source_.next_into(place)) return false;
      if (!part_ || part_->has(place->url)) break;
      place.reset();
      ++elsewhere_;
    }
    place->index = index_++;
    if (names_files_) place->file = body_directory::name_of(place->index);
    return true;
  }
  bool ready() override { return source_.ready(); }
  int handle() override { return source_.handle(); }

  std::uint64_t passed() const noexcept { return passed_; }
  std::uint64_t repeated() const noexcept { return repeated_; }
  std::uint64_t elsewhere() const noexcept { return elsewhere_; }

 private:
  request_input& source_;
  std::uint64_t index_ = 0;
  std::uint64_t passed_ = 0;
  std::uint64_t repeated_ = 0;
  std::uint64_t elsewhere_ = 0;
  const bool names_files_;
  const done_set* const done_;
  const duplicate_set* const repeats_;
  const std::optional<shard> part_;
};

/// The source of a job, held up while the queue to its writer is full.
class held_source {
 public:
  held_source(request_input& source, const writer& to, run_statistics* statistics)
      : source_(source), to_(to), statistics_(statistics), gate_(source.handle()) {}

  std::optional<request> next() {
    std::optional<request> given;
    next_into(given);
    return given;
  }
  bool next_into(std::optional<request>& place) {
    const bool more = source_.next_into(place);
    if (more && statistics_ != nullptr) statistics_->began();
    return more;
  }
  bool ready() {
    if (!gate_.may_pull([this] { return to_.has_room(); })) return false;
    if (source_.ready()) return true;
    gate_.source_waits();
    return false;
  }
  int handle() const noexcept { return gate_.handle(); }

  void room_made() { gate_.room_made(); }

 private:
  request_input& source_;
  const writer& to_;
  run_statistics* const statistics_;
  fanout::detail::source_gate gate_;
};

/// Counts each record, and hands it from sink to sink.
class all_sinks {
 public:
  /// `scheduled` and `statistics` are told of each that has ended; null: nobody is.
  /// `directory`: where the bodies of attempts are; empty: in no directory. `temporary`: it is the job's own.
  all_sinks(const std::vector<sink*>& sinks, writer& to, counts& counted, scheduled_input* scheduled,
            run_statistics* statistics, std::string directory, bool temporary)
      : sinks_(sinks),
        to_(to),
        counts_(counted),
        scheduled_(scheduled),
        statistics_(statistics),
        directory_(std::move(directory)),
        temporary_(temporary) {
    int wanting = 0;
    for (const sink* each : sinks_) {
      if (!each->wants_bodies()) continue;
      ++wanting;
      last_with_body_ = each;
      if (!each->body_path().empty()) stores_ = each;
    }
    shares_ = wanting > 1 && stores_ != nullptr && !directory_.empty();
  }

  void operator()(outcome<record>&& out, const request& asked) {
    if (out.ok()) return take(out.value(), asked);
    record failed = record_of(out.error());
    take(failed, asked);
  }

 private:
  /// The record stays where the outcome has it: it is large to move.
  void take(record& result, const request& asked) {
    if (scheduled_ != nullptr && !scheduled_->ended(asked, result)) {
      if (statistics_ != nullptr) statistics_->begins_again();
      // It made way for what the next attempt brings.
      if (!result.file.empty()) unlink((directory_ + result.file.str()).c_str());
      return;
    }
    if (!result.unwritten.empty()) throw output_error(result.unwritten);
    counts_.add(result);
    if (statistics_ != nullptr) statistics_->ended(asked, result);
    finished all{asked.index, asked, result};
    if (temporary_ && !result.file.empty()) all.temporary = directory_ + result.file.take();
    const bool whole = !result.error || *result.error == failure_kind::status;
    if (shares_ && whole && !result.skipped && !result.file.empty() && !result.body) return share(all);
    for (sink* each : sinks_) {
      all.last_with_body = each == last_with_body_;
      each->take(all, to_);
    }
  }

  /// Of a body that is in a file: whoever did not put it there gets it in the record. One body at a time is in memory.
  void share(finished& all) {
    const std::string body = detail::contents_of(directory_ + all.result.file.str());
    for (sink* each : sinks_) {
      all.last_with_body = each == last_with_body_;
      if (each != stores_ && each->wants_bodies()) all.result.body = body;
      each->take(all, to_);
      all.result.body.reset();
    }
  }

  const std::vector<sink*>& sinks_;
  writer& to_;
  counts& counts_;
  scheduled_input* const scheduled_;
  run_statistics* const statistics_;
  const std::string directory_;
  const bool temporary_;
  bool shares_ = false;  ///< bodies are in files, and a sink wants them in records
  const sink* stores_ = nullptr;
  const sink* last_with_body_ = nullptr;
};

// What was written to standard output cannot be taken back for another try, so a body begins there only when it is
// larger than this, and then no other try is made.
constexpr std::uint64_t retried_body = 1024 * 1024;

// Up to this size a body of many is no burden to memory, and its file is the writer's work: to make one takes longer
// than most exchanges.
constexpr std::uint64_t small_body = 64 * 1024;

/// Where bodies go as they come; empty where they have to be in the records.
std::string body_path_of(const settings& with, const options& how, const std::vector<sink*>& sinks) {
  std::string path;
  int wanting = 0;
  int storing = 0;
  bool alone = with.keep_body;  // what is in no directory, and what is cut, cannot be shared
  for (const sink* each : sinks) {
    alone |= each->wants_messages();
    if (!each->wants_bodies()) continue;
    ++wanting;
    if (std::string own = each->body_path(); !own.empty()) {
      path = std::move(own);
      ++storing;
    }
  }
  alone |= !path.ends_with('/');
  // Who lent the workers may have them on other machines, or their standard output elsewhere.
  const bool elsewhere = how.backend || (path == "-" && how.workers.output != worker_output::inherit);
  if (storing != 1 || elsewhere || with.keep_body || (alone && wanting != 1)) return {};
  // A worker may be started in another directory.
  if (!path.empty() && path != "-" && !how.workers.directory.empty()) path = std::filesystem::absolute(path).string();
  return path;
}

const done_set* done_before(const std::vector<sink*>& sinks) {
  for (const sink* each : sinks)
    if (const done_set* const done = each->done()) return done;
  return nullptr;
}

/// Which sink gets bodies in files of the job's own, until they can be written; null: none.
const sink* temporary_files_for(const settings& with, const options& how, const std::vector<sink*>& sinks) {
  const sink* wanting = nullptr;
  for (const sink* each : sinks) {
    if (!each->wants_bodies()) continue;
    if (wanting != nullptr) return nullptr;
    wanting = each;
  }
  const bool takes = wanting != nullptr && wanting->takes_temporary_files();
  return takes && !with.keep_body && !how.backend ? wanting : nullptr;
}

void store_in(const std::string& directory, settings& with) {
  with.body_path = directory;
  with.held_body_bytes = small_body;
  with.temporary_bodies = with.overwrite_bodies = true;
  with.skip_existing = with.continue_parts = with.remote_time = with.heads_before_body = false;
}

settings with_what_sinks_want(settings with, const options& how, const std::vector<sink*>& sinks) {
  for (const sink* each : sinks) {
    with.keep_headers |= each->wants_headers();
    with.keep_heads |= each->wants_heads();
    with.keep_messages |= each->wants_messages();
    with.digest_bodies |= each->wants_digests();
    with.heads_before_body |= each->heads_before_body();
  }
  with.body_path = body_path_of(with, how, sinks);
  if (with.body_path.ends_with('/') && !how.shape.uses_workers())
    with.held_body_bytes = with.remote_time ? 0 : small_body;
  if (with.body_path == "-" && with.retries > 0) with.held_body_bytes = retried_body;
  if (!with.body_path.empty()) return with;
  const auto decoded = [](const sink* each) { return each->wants_bodies() && !each->wants_coded_bodies(); };
  const auto coded = [](const sink* each) { return each->wants_coded_bodies(); };
  const bool digested = with.digest_bodies || with.verify_digests;  // of the decoded body
  with.keep_coding |= !with.keep_body && !digested && std::any_of(sinks.begin(), sinks.end(), coded) &&
                      std::none_of(sinks.begin(), sinks.end(), decoded);
  for (const sink* each : sinks) with.keep_body |= each->wants_bodies();
  return with;
}

std::shared_ptr<http::cookie_jar> jar_to_save(const settings& with, const options& how, const std::string& file) {
  if (file.empty()) return nullptr;
  if (how.shape.uses_workers())
    throw std::invalid_argument("cookies of worker processes end with them, and cannot be saved");
  check_cookie_file(file);
  return cookie_jar_of(with);
}

}  // namespace

job_report job::run(request_input& source) const {
  fetch::settings with = with_what_sinks_want(settings, how, sinks);
  std::optional<detail::temporary_directory> kept;
  if (const sink* const into = temporary_files_for(settings, how, sinks))
    store_in(kept.emplace(into->temporary_directory()).path(), with);
  with.use_cookies |= !save_cookies.empty();
  if (schedule && schedule->retry) with.retries = 0;  // the schedule sees to them
  const auto jar = jar_to_save(with, how, save_cookies);

  job_report done;
  std::stop_source stopping;
  const std::stop_callback forwarded(how.stop, [&] { stopping.request_stop(); });
  std::optional<held_source> held;
  writer to(queue, {.failed = [&] { stopping.request_stop(); }, .room_made = [&] { held->room_made(); }});
  numbered_source numbered(source, with.body_path.ends_with('/'), done_before(sinks), repeats, part);
  std::optional<scheduled_input> scheduled;
  if (schedule) {
    const exchanger asking(with);
    scheduled.emplace(numbered, *schedule, scheduled_input::asks_about_hosts(*schedule) ? &asking.client() : nullptr);
  }
  held.emplace(scheduled ? static_cast<request_input&>(*scheduled) : numbered, to, statistics);

  options own = how;
  own.shape = fitted(how.shape);
  own.on_error = on_error::collect;
  own.stop = stopping.get_token();
  if (on_progress)
    own.on_progress = [&](progress now) {
      now.finished = done.counts.succeeded + done.counts.failed;  // requests, and not attempts
      on_progress(now, done.counts);
    };
  const std::string bodies = with.body_path.ends_with('/') ? with.body_path : std::string();
  done.cost = fanout::run(
      own, remote<exchange>.with(with), *held,
      all_sinks(sinks, to, done.counts, scheduled ? &*scheduled : nullptr, statistics, bodies, kept.has_value()));
  if (scheduled) {
    done.retries = scheduled->retried();
    done.cost.tasks -= done.retries;
    done.in_flight_found = scheduled->in_flight_found();
    constexpr std::size_t most_hosts = 100;
    done.limits_found = scheduled->limits_found(most_hosts);
  }
  done.done_before = numbered.passed();
  done.repeats = numbered.repeated();
  done.elsewhere = numbered.elsewhere();
  to.finish();
  for (sink* each : sinks) done.cost.stopped ? each->close_stopped() : each->close();
  if (jar) fetch::save_cookies(*jar, save_cookies);
  return done;
}

}  // namespace fanout::fetch
