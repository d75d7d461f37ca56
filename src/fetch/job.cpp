#include <fanout/core/detail/source_gate.hpp>
#include <fanout/core/run.hpp>
#include <fanout/fetch/cookies.hpp>
#include <fanout/fetch/descriptor_limit.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/process/remote.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <stop_token>

namespace fanout::fetch {
namespace {

/// The source of a job, held up while the queue to its writer is full.
class held_source {
 public:
  held_source(request_input& source, const writer& to) : source_(source), to_(to), gate_(source.handle()) {}

  std::optional<request> next() { return source_.next(); }
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
  fanout::detail::source_gate gate_;
};

/// Counts each record, and hands it from sink to sink.
class all_sinks {
 public:
  all_sinks(const std::vector<sink*>& sinks, writer& to, counts& counted) : sinks_(sinks), to_(to), counts_(counted) {
    for (const sink* each : sinks_)
      if (each->wants_bodies()) last_with_body_ = each;
  }

  void operator()(outcome<record> out, const request& asked) {
    const std::uint64_t index = out.index;
    record result = out.ok() ? std::move(out).value() : record_of(out.error());
    counts_.add(result);
    finished all{index, asked, result};
    for (sink* each : sinks_) {
      all.last_with_body = each == last_with_body_;
      each->take(all, to_);
    }
  }

 private:
  const std::vector<sink*>& sinks_;
  writer& to_;
  counts& counts_;
  const sink* last_with_body_ = nullptr;
};

settings with_what_sinks_want(settings with, const std::vector<sink*>& sinks) {
  for (const sink* each : sinks) {
    with.keep_body |= each->wants_bodies();
    with.keep_headers |= each->wants_headers();
  }
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
  fetch::settings with = with_what_sinks_want(settings, sinks);
  with.use_cookies |= !save_cookies.empty();
  const auto jar = jar_to_save(with, how, save_cookies);

  job_report done;
  std::stop_source stopping;
  const std::stop_callback forwarded(how.stop, [&] { stopping.request_stop(); });
  std::optional<held_source> held;
  writer to(queue, {.failed = [&] { stopping.request_stop(); }, .room_made = [&] { held->room_made(); }});
  held.emplace(source, to);

  options own = how;
  own.shape = fitted(how.shape);
  own.on_error = on_error::collect;
  own.stop = stopping.get_token();
  if (on_progress) own.on_progress = [&](const progress& now) { on_progress(now, done.counts); };
  done.cost = fanout::run(own, remote<exchange>.with(with), *held, all_sinks(sinks, to, done.counts));
  to.finish();
  for (sink* each : sinks) done.cost.stopped ? each->close_stopped() : each->close();
  if (jar) fetch::save_cookies(*jar, save_cookies);
  return done;
}

}  // namespace fanout::fetch
