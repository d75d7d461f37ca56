#include "process/node/node_job.hpp"

#include <fanout/base/saturated_time.hpp>
#include <fanout/core/run.hpp>
#include <fanout/process/detail/registry.hpp>
#include <fanout/process/untyped.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>

namespace fanout::detail {
namespace {

constexpr std::size_t most_message_bytes = 1 << 20;

fanout::shape shape_for(const node_terms& terms) {
  const fanout::shape value = parse_shape(terms.shape);
  if (value.model == model::automatic) throw std::invalid_argument("a node runs no shape that is chosen on the way");
  if (!terms.coroutine && value.in_flight > 1)
    throw std::invalid_argument(
        "a blocking task holds its thread, and the shape of the nodes has several in flight on "
        "each");
  return value;
}

}  // namespace

node_job::node_job(const node_header& header, const node_terms& terms, sender send)
    : header_(header), terms_(terms), shape_(shape_for(terms)), send_(std::move(send)) {
  if (header.function != function_digest(terms.function, terms.context))
    throw error(failure_kind::protocol, "a run is for another function than it names");
  find_remote(terms.function);  // throws where there is none
  if (shape_.uses_workers()) installed_worker_backend();
}

node_job::~node_job() {
  cancel();
}

node_places node_job::places() const noexcept {
  return {
      .tasks = std::max(1U, shape_.tasks), .lanes = shape_.processes * shape_.threads, .processes = shape_.processes};
}

void node_job::start() {
  thread_ = std::jthread([this] { work(); });
}

void node_job::add(std::shared_ptr<const std::string> message, const node_inputs& batch) {
  feed_.add(std::move(message), batch.first_index, batch.inputs);
}

void node_job::cancel() {
  stop_.request_stop();
  feed_.finish();
}

bool node_job::over() const {
  const std::lock_guard lock(mutex_);
  return over_;
}

void node_job::work() {
  std::string last;
  try {
    report cost;
    {
      const std::jthread outgoing([this](const std::stop_token& closing) { send_outcomes(closing); });
      cost = run_to_end();
    }
    last = encode_done(header_, cost);
  } catch (const std::exception& why) {
    last = encode_refused(header_, why.what());
  }
  send_(std::move(last));
  const std::lock_guard lock(mutex_);
  over_ = true;
}

report node_job::run_to_end() {
  if (terms_.coroutine) return run_function(untyped_function<true>(terms_.function, terms_.context));
  return run_function(untyped_function<false>(terms_.function, terms_.context));
}

template <class Function>
report node_job::run_function(const Function& function) {
  options how(shape_);
  how.on_error = on_error::collect;
  how.task_timeout = terms_.limit;
  how.stop = stop_.get_token();
  how.workers = terms_.workers;
  return run(how, function, feed_, [this](outcome<std::string> out, const fed_input& input) {
    const std::lock_guard lock(mutex_);
    ended_.emplace_back(input.index, std::move(out));
    if (ended_.size() == 1) changed_.notify_one();
  });
}

void node_job::send_outcomes(const std::stop_token& closing) {
  std::vector<ended_task> taken;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!wait_for_outcomes(lock, closing)) return;
      taken.swap(ended_);
    }
    send_all(taken);
    taken.clear();
  }
}

/// Returns when there are some, or when it is time to send a message without any. False: there will be no more.
bool node_job::wait_for_outcomes(std::unique_lock<std::mutex>& lock, const std::stop_token& closing) {
  const auto some = [this] { return !ended_.empty(); };
  if (terms_.heartbeat.count() <= 0) return changed_.wait(lock, closing, some);
  const auto until = after(outcome_facts::clock::now(), terms_.heartbeat);
  return changed_.wait_until(lock, closing, until, some) || !closing.stop_requested();
}

void node_job::send_all(std::vector<ended_task>& ended) {
  outcomes_writer writer(header_);
  const auto now = outcome_facts::clock::now();
  for (auto& [index, out] : ended) {
    if (writer.count() > 0 && writer.bytes() > most_message_bytes) send_(writer.take());
    node_outcome told{.index = index,
                      .lane = out.lane,
                      .started_ago = now - out.started,
                      .elapsed = out.elapsed(),
                      .cpu = out.cpu,
                      .result = {}};
    if (out.ok())
      told.result = std::string_view(out.value());
    else
      told.result = std::move(out.error());
    writer.add(told);
    if (out.ok()) std::string().swap(out.value());
  }
  send_(writer.take());
}

}  // namespace fanout::detail
