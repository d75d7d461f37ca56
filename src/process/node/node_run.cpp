#include "process/node/node_run.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/base/saturated_time.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

namespace fanout::detail {
namespace {

using namespace std::chrono_literals;

std::uint64_t next_run_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;  // only has to differ
}

}  // namespace

node_run::node_run(const node_options& how, run_control& control, remote_job& job, report& cost)
    : how_(how), control_(control), job_(job), cost_(cost) {
  header_.run = next_run_number();
}

node_run::~node_run() {
  for (const member& each : members_) each.peer->detach(header_.run);
}

void node_run::carry_out(std::span<const numbered_node> nodes) {
  const run_control::observer watch(control_, [this] { inbox_.wake(); });
  open(nodes);
  loop();
}

void node_run::open(std::span<const numbered_node> nodes) {
  cost_.processes = 0;
  if (!control_.pulling()) return;
  const remote_callable function = job_.function(0);
  header_.function = function_digest(function.name, function.context);
  const std::string message = open_message();
  members_.reserve(nodes.size());
  for (const numbered_node& each : nodes) open(each, message);
}

std::string node_run::open_message() {
  const remote_callable function = job_.function(0);
  return encode_open(header_, {.function = function.name,
                               .context = function.context,
                               .shape = to_string(how_.shape),
                               .limit = control_.options().task_timeout,
                               .heartbeat = how_.silence_timeout.count() / 4 * 1ns,
                               .coroutine = job_.needs_loops(),
                               .workers = control_.options().workers});
}

void node_run::open(numbered_node node, std::string message) {
  if (node.peer->attach(header_.run, *this)) {
    members_.push_back({.peer = node.peer, .number = node.number});
    cost_.ipc_bytes += message.size();
    node.peer->send(std::move(message));
  } else {
    reasons_ += fmt::format("{}node {}: {}", reasons_.empty() ? "" : "; ", node.number, node.peer->reason());
  }
}

void node_run::join(numbered_node node) {
  inbox_.add({.node = node.number, .joined = node.peer});
}

bool node_run::all_ended() const {
  return std::all_of(members_.begin(), members_.end(), [](const member& each) { return each.state == state::ended; });
}

void node_run::loop() {
  for (;;) {
    try {
      take_events();
      fill();
    } catch (...) {
      control_.break_off(std::current_exception());
    }
    if (control_.aborted() && !std::exchange(cancelled_, true)) cancel();
    if (!control_.pulling() && queued_ == 0 && under_way_ == 0 && !std::exchange(finishing_, true)) finish();
    if (all_ended()) break;
    wait();
  }
  end_without_nodes();
  if (source_waits_) control_.end_wait();
}

/// Of a run that is not over: no node is left that could go on.
void node_run::end_without_nodes() {
  const std::string why =
      fmt::format("no node is left to run tasks ({})", reasons_.empty() ? "there was none" : reasons_);
  for (; !queue_.empty(); queue_.pop_front(), front_taken_ = 0) {
    const input_batch& batch = queue_.front();
    for (std::uint32_t i = front_taken_; i < batch.inputs.count(); ++i) {
      failure reason{.kind = failure_kind::cannot_start, .message = why};
      if (control_.aborted()) reason = control_.cancelled();
      fail({batch.first_index + i, batch.attempt, clock::now()}, 0, std::move(reason));
    }
  }
  queued_ = 0;
  if (control_.pulling()) control_.break_off(std::make_exception_ptr(error(failure_kind::cannot_start, why)));
}

// What comes ---------------------------------------------------------------------------------------------------------

void node_run::on_node_event(node_event event) {
  inbox_.add(std::move(event));
}

void node_run::take_events() {
  inbox_.take(taken_);
  while (!taken_.empty()) {  // each once, also where acting on one throws
    const node_event next = std::move(taken_.front());
    taken_.pop_front();
    act_on(next);
  }
  give_up_late();
  give_up_silent();
}

void node_run::act_on(const node_event& event) {
  if (event.joined) {  // where the tasks that are left have all been sent, there is nothing for it to do
    if (control_.pulling() || (queued_ > 0 && !cancelled_)) open({event.joined, event.node}, open_message());
    return;
  }
  const auto found =
      std::find_if(members_.begin(), members_.end(), [&](const member& each) { return each.number == event.node; });
  if (found == members_.end() || found->state == state::ended) return;
  member& from = *found;
  if (event.lost) return part_with(from, event.text, failure_kind::worker_died);
  from.heard = event.at;
  cost_.ipc_bytes += event.text.size();
  try {
    switch (event.header.type) {
      case node_message::ready:
        return take_ready(from, event);
      case node_message::outcomes:
        return take_outcomes(from, event);
      case node_message::done:
        return take_done(from, event);
      case node_message::refused:
        return part_with(from, decode_refused(event.body()), failure_kind::cannot_start);
      default:
        throw error(failure_kind::protocol, "a node sent what only engines send");
    }
  } catch (const error& why) {
    if (why.kind() != failure_kind::protocol) throw;
    from.peer->lose(why.what());
    part_with(from, why.what(), failure_kind::worker_died);
  }
}

void node_run::take_ready(member& from, const node_event& event) {
  if (from.state != state::opening) throw error(failure_kind::protocol, "a node was ready twice");
  from.places = decode_ready(event.body());
  from.state = state::ready;
  from.first_lane = lanes_;
  lanes_ += from.places.lanes;
  cost_.processes += from.places.processes;
}

void node_run::take_outcomes(member& from, const node_event& event) {
  outcomes_reader reader(event.body());
  node_outcome outcome;
  while (reader.next(outcome)) deliver(from, event, outcome);
}

void node_run::deliver(member& from, const node_event& event, node_outcome& outcome) {
  if (outcome.lane >= from.places.lanes)
    throw error(failure_kind::protocol, "a node sent an outcome of a lane that it does not have");
  const auto sent = from.sent.finish(outcome.index);
  if (!sent) throw error(failure_kind::protocol, "a node sent an outcome of a task that it was not at");
  --under_way_;
  outcome_facts facts;
  facts.index = outcome.index;
  facts.lane = from.first_lane + outcome.lane;
  facts.started = event.at - outcome.started_ago;
  facts.finished = facts.started + outcome.elapsed;
  facts.cpu = outcome.cpu;
  from.time.add(1, outcome.elapsed);
  if (const auto* const value = std::get_if<std::string_view>(&outcome.result))
    return job_.deliver_results(result_batch(facts, {}, encoded_view(*value)));
  failure& reason = std::get<failure>(outcome.result);
  reason.attempts += static_cast<int>(sent->attempt) - 1;
  if (control_.aborted() && reason.kind == failure_kind::worker_died) reason = control_.cancelled();
  job_.deliver_failure(facts, std::move(reason));
}

void node_run::take_done(member& from, const node_event& event) {
  const report there = decode_done(event.body());
  cost_.cpu_user += there.cpu_user;
  cost_.cpu_system += there.cpu_system;
  cost_.voluntary_switches += there.voluntary_switches;
  cost_.involuntary_switches += there.involuntary_switches;
  cost_.peak_rss_bytes += there.peak_rss_bytes;
  cost_.ipc_bytes += there.ipc_bytes;
  cost_.restarts += there.restarts;
  part_with(from, "it ended its part of the run", failure_kind::cannot_start);
}

/// The node takes no further part. Tasks that were sent to it and have no outcome may have been begun, unless the node
/// says that they were not.
void node_run::part_with(member& from, const std::string& why, failure_kind kind) {
  const bool took_part = std::exchange(from.state, state::ended) == state::ready;
  if (!finishing_ && !cancelled_)
    reasons_ += fmt::format("{}node {}: {}", reasons_.empty() ? "" : "; ", from.number, why);
  under_way_ -= from.sent.count();
  std::vector<input_batch> again;
  std::vector<sent_batches::open_task> without;
  from.sent.take_open(control_.aborted() || !took_part ? 0 : how_.retries, again, without);
  for (auto each = again.rbegin(); each != again.rend(); ++each) {
    if (front_taken_ > 0) {  // the batch at the front has begun to be sent
      input_batch& front = queue_.front();
      const std::uint32_t count = front.inputs.count();
      front = {front.first_index + front_taken_, front.inputs.slice(front_taken_, count), front.attempt};
      front_taken_ = 0;
    }
    queued_ += each->inputs.count();
    queued_bytes_ += each->inputs.bytes();
    queue_.push_front(std::move(*each));
  }
  for (const auto& task : without) {
    failure reason{.kind = failure_kind::worker_died,
                   .message = fmt::format("node {} {} with this task, which may have been begun there: {}", from.number,
                                          kind == failure_kind::worker_died ? "was lost" : "broke off", why),
                   .attempts = static_cast<int>(task.attempt)};
    if (control_.aborted()) reason = control_.cancelled();
    fail(task, from.first_lane, std::move(reason));
  }
}

void node_run::fail(const sent_batches::open_task& task, std::uint32_t lane, failure reason) {
  outcome_facts facts;
  facts.index = task.index;
  facts.lane = lane;
  facts.started = task.sent;
  facts.finished = clock::now();
  job_.deliver_failure(facts, std::move(reason));
}

// What goes ----------------------------------------------------------------------------------------------------------

std::uint64_t node_run::ahead(const member& of) const {
  const std::uint64_t places = of.places.tasks;
  std::uint64_t most = std::min<std::uint64_t>(most_ahead, of.time.tasks_in(how_.ahead) * places);
  if (!control_.pulling()) {
    const auto live =
        std::count_if(members_.begin(), members_.end(), [](const member& each) { return each.state == state::ready; });
    most = std::min(most, queued_ / (2 * static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(1, live))));
  }
  return most;
}

/// How many tasks to send it now; 0 while it has about enough.
std::uint64_t node_run::room(const member& of) const {
  if (of.state != state::ready || of.sent.bytes() >= most_bytes_ahead) return 0;
  const std::uint64_t places = of.places.tasks;
  const std::uint64_t most = places + ahead(of);
  const std::uint64_t has = of.sent.count();
  if (has >= places && has > most / 2 + most / 4) return 0;
  return most > has ? most - has : 0;
}

/// How many inputs there should be in the queue: for the nodes that have room, and the reserve.
std::uint64_t node_run::wanted() const {
  std::uint64_t sum = 0;
  for (const member& each : members_)
    if (each.state == state::ready) sum += room(each) + ahead(each) / 2;
  return sum;
}

void node_run::fill() {
  hungry_ = false;
  if (control_.aborted()) return;
  dispatch();
  if (source_waits_ || !control_.pulling() || queued_bytes_ >= most_bytes_ahead) return;
  const std::uint64_t most = wanted();
  if (queued_ >= most || !pull(most - queued_)) return;
  dispatch();
  hungry_ = queued_ < wanted();  // after a look at what came: a source may be slow
}

bool node_run::pull(std::uint64_t most) {
  input_batch next;
  task_terms terms;
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(most, most_together));
  const auto status = job_.pull_encoded(next.first_index, next.inputs, terms, count, most_bytes_together);
  if (status == pull_status::not_ready) source_waits_ = true;
  if (status != pull_status::item) return false;
  if (next.inputs.count() == 0) return true;  // it was too large
  queued_ += next.inputs.count();
  queued_bytes_ += next.inputs.bytes();
  queue_.push_back(std::move(next));
  return true;
}

/// Sends what is queued to the nodes that have the least to do for their size.
void node_run::dispatch() {
  while (queued_ > 0) {
    member* best = nullptr;
    double least = 0;
    for (member& each : members_) {
      if (room(each) == 0) continue;
      const double load = static_cast<double>(each.sent.count()) / each.places.tasks;
      if (best && load >= least) continue;
      best = &each;
      least = load;
    }
    if (!best) return;
    send(*best, room(*best));
  }
}

void node_run::send(member& to, std::uint64_t most) {
  input_batch& front = queue_.front();
  const std::uint32_t from = front_taken_;
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(most, front.inputs.count() - from));
  const std::uint32_t end = from + count;
  const std::size_t bytes = front.inputs.bytes(from, end);
  std::string message = encode_inputs(header_, front.first_index + from, front.inputs, from, end);
  std::optional<encoded_values> kept;
  if (how_.retries > 0) kept = front.inputs.slice(from, end);
  to.sent.add(front.first_index + from, count, bytes, front.attempt, clock::now(), std::move(kept));
  under_way_ += count;
  queued_ -= count;
  queued_bytes_ -= bytes;
  front_taken_ = end;
  if (end == front.inputs.count()) {
    queue_.pop_front();
    front_taken_ = 0;
  }
  cost_.ipc_bytes += message.size();
  to.peer->send(std::move(message));
}

void node_run::send_to_open(node_message type) {
  for (const member& each : members_)
    if (each.state != state::ended) each.peer->send(encode_bare(header_, type));
  if (how_.end_timeout.count() > 0) give_up_at_ = after(clock::now(), how_.end_timeout);
}

void node_run::cancel() {
  send_to_open(node_message::cancel);
  for (; !queue_.empty(); queue_.pop_front(), front_taken_ = 0) {
    const input_batch& batch = queue_.front();
    for (std::uint32_t i = front_taken_; i < batch.inputs.count(); ++i)
      fail({batch.first_index + i, batch.attempt, clock::now()}, 0, control_.cancelled());
  }
  queued_ = 0;
  queued_bytes_ = 0;
}

void node_run::finish() {
  if (!cancelled_) send_to_open(node_message::finish);
}

void node_run::give_up_late() {
  if (!give_up_at_ || clock::now() < *give_up_at_) return;
  for (member& each : members_)
    if (each.state != state::ended) give_up(each, "it did not end its part of a run in time");
}

/// By the times at which messages came, once all that have come were taken: the sink of a run may take long, and
/// messages come meanwhile.
void node_run::give_up_silent() {
  if (how_.silence_timeout.count() <= 0) return;
  const auto now = clock::now();
  const auto silent = [&](const member& each) {
    return each.state != state::ended && after(each.heard, how_.silence_timeout) <= now;
  };
  if (std::none_of(members_.begin(), members_.end(), silent)) return;
  inbox_.take(taken_);
  if (!taken_.empty()) return;
  const std::string why = fmt::format("it has sent nothing for {:g} s, and was given up",
                                      std::chrono::duration<double>(how_.silence_timeout).count());
  for (member& each : members_)
    if (silent(each)) give_up(each, why);
}

void node_run::give_up(member& late, const std::string& why) {
  late.peer->lose(why);
  part_with(late, why, failure_kind::worker_died);
}

/// When a node is to be given up, if nothing comes before.
std::optional<node_run::clock::time_point> node_run::next_deadline() const {
  std::optional<clock::time_point> next = give_up_at_;
  if (how_.silence_timeout.count() <= 0) return next;
  for (const member& each : members_)
    if (each.state != state::ended) {
      const auto own = after(each.heard, how_.silence_timeout);
      next = next ? std::min(*next, own) : own;
    }
  return next;
}

/// Waits for an event, for the source, for a change of the run, or for Ctrl-C.
void node_run::wait() {
  if (!taken_.empty()) return;
  int limit_ms = hungry_ ? 0 : -1;
  if (const auto deadline = next_deadline(); deadline && !hungry_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - clock::now()).count();
    limit_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
  }
  if (!inbox_.wait(control_, source_waits_ && control_.pulling() ? job_.source_handle() : -1, limit_ms)) return;
  if (std::exchange(source_waits_, false)) control_.end_wait();
}

}  // namespace fanout::detail
