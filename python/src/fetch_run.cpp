#include "fetch_run.hpp"

#include <fanout/base/detail/fork_generation.hpp>
#include <fanout/fetch/descriptor_limit.hpp>
#include <fanout/fetch/job.hpp>

#include "feed.hpp"
#include "fetch_options.hpp"
#include "gil.hpp"
#include "record.hpp"
#include "worker_settings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fanout::python {
namespace {

/// What the engine's threads and the caller's share.
struct fetch_exchange {
  feed<fetch::request> inputs;
  std::mutex mutex;  ///< guards what follows
  std::vector<python_record> arrived;
  bool somebody_waits = false;  ///< only then `changed` is notified: not for each record
  bool announced = false;       ///< `ready` is readable
  bool over = false;
  std::exception_ptr failed;
  change_signal changed;
  fanout::detail::owned_descriptor ready{
      eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};  ///< for an event loop of the caller's

  /// With `mutex`.
  void announce() {
    if (!std::exchange(announced, true)) {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = write(ready.value(), &one, sizeof one);
    }
    if (std::exchange(somebody_waits, false)) changed.notify();
  }
};

class fed_requests final : public fetch::request_input {
 public:
  explicit fed_requests(feed<fetch::request>& from) : from_(from) {}
  std::optional<fetch::request> next() override { return from_.next(); }
  bool ready() override { return from_.ready(); }
  int handle() override { return from_.handle(); }

 private:
  feed<fetch::request>& from_;
};

/// Moves records to the caller. On the lane that completed them: a lock, a move, and seldom a system call.
class record_sink final : public fetch::sink {
 public:
  record_sink(fetch_exchange& to, bool bodies, bool headers) : to_(to), bodies_(bodies), headers_(headers) {}
  bool wants_bodies() const override { return bodies_; }
  bool wants_headers() const override { return headers_; }
  void take(fetch::finished& each, fetch::writer&) override {
    std::string file = each.file.empty() ? each.result.file.str() : each.file;
    python_record made{each.index, each.asked.url, each.asked.id, std::move(file), std::move(each.result)};
    const std::lock_guard lock(to_.mutex);
    to_.arrived.push_back(std::move(made));
    to_.announce();
  }

 private:
  fetch_exchange& to_;
  const bool bodies_;
  const bool headers_;
};

/// A job on a thread of its own, which never takes the interpreter's lock, and the caller's end of it.
///
/// Thread safety: members are called with the interpreter's lock; those that wait give it back. Records are taken
/// either by one thread, with `take`, or by many, each its own, with `wait_for_record`.
class fetch_run {
 public:
  /// `save_to`: a file for the body of the one request there is, or a directory, with a '/' at its end, for a file of
  /// each; empty: bodies are in the records, where `bodies` says so.
  fetch_run(const std::string& shape, nb::list options, bool bodies, bool headers, const std::string& save_to,
            nb::dict how)
      : sink_(*shared_, bodies && save_to.empty(), headers), generation_(fanout::detail::fork_generation()) {
    job_.how.shape = fetch::fitted(parse_shape(shape));
    const fetch::http_options given = read_http_options(options);
    if (fetch::reads_standard_input(given))
      throw std::invalid_argument("a body cannot be read from standard input here");
    common_ = fetch::request_of(given);
    job_.settings = fetch::settings_of(given, common_);
    fetch::check(job_.settings);
    read_host_limits(how);
    job_.how.workers = worker_options_from(how);
    require_no_more(how);
    job_.how.stop = stop_.get_token();
    if (save_to.ends_with('/'))
      files_ = std::make_unique<fetch::body_files>(
          save_to, job_.settings.overwrite_bodies ? fetch::existing_file::replaced : fetch::existing_file::refused);
    else if (!save_to.empty())
      files_ = std::make_unique<fetch::body_output>(save_to);
    if (files_) job_.sinks.push_back(files_.get());
    job_.sinks.push_back(&sink_);
  }
  fetch_run(const fetch_run&) = delete;
  fetch_run& operator=(const fetch_run&) = delete;
  ~fetch_run() {
    if (fanout::detail::fork_generation() == generation_)
      close();
    else if (thread_.joinable())
      thread_.detach();
  }

  /// How many tasks the shape has in flight at most; 0 where it chooses itself.
  std::uint32_t in_flight() const { return job_.how.shape.tasks; }
  int fileno() const { return shared_->ready.value(); }

  /// Each is a URL, or a dict as a line of a list: {"url", "id"?, "method"?, "headers"?, "body"?}.
  void give(nb::list requests) {
    require_own_process();
    start();
    std::vector<fetch::request> made;
    made.reserve(requests.size());
    for (const nb::handle each : requests) made.push_back(request_from(each));
    shared_->inputs.give(std::move(made));
  }
  void end() {
    if (!thread_.joinable()) over_ = true;
    shared_->inputs.end();
  }

  /// What has arrived. Waits, if `wait`, until there is something or the run is over; then the list is empty.
  nb::list take(bool wait) {
    require_own_process();
    std::vector<python_record> batch;
    while (!over_) {
      const std::uint64_t seen = shared_->changed.now();
      bool over = false;
      {
        const std::lock_guard lock(shared_->mutex);
        batch.swap(shared_->arrived);
        over = shared_->over;
        retract();
        shared_->somebody_waits = wait && batch.empty() && !over;
      }
      if (!batch.empty() || !wait) break;
      if (over) {
        finish();
        break;
      }
      wait_with_signals(shared_->changed, seen);
      // To be woken for each record costs more than the record. Where several come at a time, more are about to.
      if (last_batch_ >= several) {
        const nb::gil_scoped_release without;
        std::this_thread::sleep_for(gathering_time);
      }
    }
    last_batch_ = batch.size();
    nb::list made;
    for (python_record& each : batch) made.append(nb::cast(std::move(each)));
    return made;
  }

  /// The record of that index, which this thread alone waits for.
  python_record wait_for_record(std::uint64_t index) {
    require_own_process();
    for (;;) {
      const std::uint64_t seen = shared_->changed.now();
      {
        const std::lock_guard lock(shared_->mutex);
        for (python_record& each : shared_->arrived) kept_.emplace(each.index, std::move(each));
        shared_->arrived.clear();
        retract();
        if (const auto found = kept_.find(index); found != kept_.end()) {
          python_record record = std::move(found->second);
          kept_.erase(found);
          if (!kept_.empty()) shared_->changed.notify();  // they are of other threads that wait
          return record;
        }
        if (shared_->over) break;
        shared_->somebody_waits = true;
      }
      wait_with_signals(shared_->changed, seen);
    }
    finish();
    throw std::runtime_error("the client was closed before its request had ended");
  }

  /// Stops what is under way. Idempotent.
  void close() {
    require_own_process();
    shared_->inputs.drop();
    stop_.request_stop();
    join();
    const std::lock_guard lock(shared_->mutex);
    shared_->arrived.clear();
  }

 private:
  static constexpr std::size_t several = 4;
  static constexpr std::chrono::microseconds gathering_time{500};

  void start() {
    if (thread_.joinable() || over_) return;
    thread_ = std::thread([this, shared = shared_] {
      std::exception_ptr failed;
      try {
        fed_requests source(shared->inputs);
        job_.run(source);
      } catch (...) {
        failed = std::current_exception();
      }
      const std::lock_guard lock(shared->mutex);
      shared->over = true;
      shared->failed = failed;
      shared->somebody_waits = true;
      shared->announce();
    });
  }
  void join() {
    over_ = true;
    if (!thread_.joinable()) return;
    const nb::gil_scoped_release without;
    thread_.join();
  }
  void finish() {
    join();
    if (const auto failed = std::exchange(shared_->failed, nullptr)) std::rethrow_exception(failed);
  }
  void retract() {
    if (!std::exchange(shared_->announced, false)) return;
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(shared_->ready.value(), &count, sizeof count);
  }
  void require_own_process() const {
    if (fanout::detail::fork_generation() != generation_)
      throw std::runtime_error(
          "this fetch belongs to the process that started it, and this is a fork of that one: make a client here");
  }

  /// When requests are sent. Rates are so many a second.
  void read_host_limits(nb::dict how) {
    fetch::host_scheduler_options hosts;
    bool any = false;
    if (const auto count = take_option<std::uint32_t>(how, "per_host")) hosts.per_host = *count, any = true;
    if (const auto delay = seconds_option(how, "host_delay")) hosts.host_delay = *delay, any = true;
    if (const auto rate = take_option<double>(how, "rate")) hosts.rate = *rate, any = true;
    if (const auto rate = take_option<double>(how, "host_rate")) hosts.host_rate = *rate, any = true;
    if (const auto count = take_option<std::uint32_t>(how, "per_ip")) hosts.per_address = *count, any = true;
    if (any) job_.schedule.emplace().hosts = hosts;
    if (take_option<bool>(how, "robots").value_or(false)) fetch::heed_robots(common_, rules());
    if (const auto budget = take_option<double>(how, "retry_budget"); budget && job_.settings.retries > 0)
      rules().retry = fetch::retry_rules_of(job_.settings, *budget);
    if (const auto limit = seconds_option(how, "give_up_after"))
      rules().give_up_after = std::chrono::ceil<std::chrono::milliseconds>(*limit);
  }
  fetch::schedule_rules& rules() { return job_.schedule ? *job_.schedule : job_.schedule.emplace(); }

  static std::string text_in(nb::dict from, const char* name) {
    if (!from.contains(name) || nb::object(from[name]).is_none()) return {};
    const nb::object value = from[name];
    if (nb::isinstance<nb::bytes>(value)) {
      const auto bytes = nb::cast<nb::bytes>(value);
      return {bytes.c_str(), bytes.size()};
    }
    return nb::cast<std::string>(value);
  }
  fetch::request request_from(nb::handle given) const {
    fetch::request made;
    made.method.clear();
    if (nb::isinstance<nb::str>(given)) {
      made.url = nb::cast<std::string>(given);
    } else if (nb::isinstance<nb::dict>(given)) {
      const auto parts = nb::borrow<nb::dict>(given);
      made.url = text_in(parts, "url");
      made.id = text_in(parts, "id");
      made.method = text_in(parts, "method");
      made.body = text_in(parts, "body");
      if (parts.contains("headers") && !nb::object(parts["headers"]).is_none())
        for (const nb::handle pair : nb::cast<nb::dict>(parts["headers"]).items())
          made.headers.emplace_back(nb::cast<std::string>(pair[0]), nb::cast<std::string>(pair[1]));
    } else {
      throw nb::type_error(
          (std::string("a request is a URL or a dict with 'url', not ") + nb::repr(given).c_str()).c_str());
    }
    add_common(made);
    return made;
  }
  /// What all requests have in common, as a list's (fetch/request_source.hpp).
  void add_common(fetch::request& made) const {
    const bool own_body = !made.body.empty();
    if (!own_body) made.body = common_.body;
    if (made.method.empty()) made.method = common_.method;
    if (made.method.empty()) made.method = made.body.empty() ? "GET" : "POST";
    for (const auto& each : common_.headers)
      if (!has(made.headers, each.first)) made.headers.push_back(each);
    if (!own_body && !common_.content_type.empty() && !has(made.headers, "content-type"))
      made.headers.emplace_back("Content-Type", common_.content_type);
  }
  static bool has(const fetch::header_list& headers, std::string_view name) {
    return std::any_of(headers.begin(), headers.end(), [&](const auto& each) {
      return std::equal(each.first.begin(), each.first.end(), name.begin(), name.end(),
                        [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    });
  }

  const std::shared_ptr<fetch_exchange> shared_ = std::make_shared<fetch_exchange>();
  fetch::common_request common_;
  fetch::job job_;
  record_sink sink_;
  std::unique_ptr<fetch::sink> files_;
  std::stop_source stop_;
  bool over_ = false;
  std::size_t last_batch_ = 0;
  std::unordered_map<std::uint64_t, python_record> kept_;  ///< with `shared_->mutex`: of threads that wait
  const std::uint64_t generation_;
  std::thread thread_;
};

}  // namespace

void bind_fetch_run(nb::module_& module) {
  nb::class_<fetch_run>(module, "FetchRun")
      .def(nb::init<const std::string&, nb::list, bool, bool, const std::string&, nb::dict>(), nb::arg("shape"),
           nb::arg("options"), nb::arg("bodies"), nb::arg("headers"), nb::arg("save_to"), nb::arg("how"))
      .def_prop_ro("in_flight", &fetch_run::in_flight)
      .def("fileno", &fetch_run::fileno)
      .def("give", &fetch_run::give, nb::arg("requests"))
      .def("end", &fetch_run::end)
      .def("take", &fetch_run::take, nb::arg("wait"))
      .def("wait_for_record", &fetch_run::wait_for_record, nb::arg("index"))
      .def("close", &fetch_run::close);
}

}  // namespace fanout::python
