#include "process/node/node_message.hpp"

#include <fanout/core/shape.hpp>
#include <fanout/process/error_with.hpp>

#include "process/node/little_endian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace fanout::detail {
namespace {

constexpr std::string_view magic = "fnod";
static_assert(std::endian::native == std::endian::little,
              "the ends of inputs are read where they arrived: convert them in decode_inputs");

[[noreturn]] void refuse(std::string_view why) {
  throw error(failure_kind::protocol, fmt::format("a message between engine and node is corrupt: {}", why));
}

std::string begin(const node_header& header, node_message type) {
  std::string bytes(magic);
  little_endian_writer out(bytes);
  out.u32(node_version);
  out.u64(header.run);
  out.u32(static_cast<std::uint32_t>(type));
  out.u64(header.function);
  bytes.append(reinterpret_cast<const char*>(header.build.data()), header.build.size());
  return bytes;
}

void require_end(std::string_view left) {
  if (!left.empty()) refuse("bytes are left over");
}

void write_call(little_endian_writer& out, const std::optional<worker_call>& call) {
  out.u32(call ? 1 : 0);
  if (!call) return;
  out.text(call->function);
  out.text(call->context);
  out.text(call->argument);
}

std::optional<worker_call> read_call(little_endian_reader& in) {
  if (in.u32() == 0) return std::nullopt;
  worker_call call;
  call.function = in.text();
  call.context = in.text();
  call.argument = in.text();
  return call;
}

void write_workers(little_endian_writer& out, const worker_options& how) {
  out.u32(how.retries);
  out.u32(how.quarantine_after);
  out.duration(how.start_timeout);
  out.u64(how.max_tasks);
  write_call(out, how.initializer);
  write_call(out, how.finalizer);
  out.u64(how.memory_bytes);
  out.u64(static_cast<std::uint64_t>(static_cast<std::chrono::seconds>(how.cpu_time).count()));
  out.u32(static_cast<std::uint32_t>(how.niceness));
  out.text(how.directory);
  out.u32(static_cast<std::uint32_t>(how.environment.size()));
  for (const auto& [name, value] : how.environment) {
    out.text(name);
    out.u32(value ? 1 : 0);
    if (value) out.text(*value);
  }
}

worker_options read_workers(little_endian_reader& in) {
  worker_options how;
  how.retries = in.u32();
  how.quarantine_after = in.u32();
  how.start_timeout = in.duration();
  how.max_tasks = in.u64();
  how.initializer = read_call(in);
  how.finalizer = read_call(in);
  how.memory_bytes = in.u64();
  how.cpu_time = std::chrono::seconds(static_cast<std::int64_t>(in.u64()));
  how.niceness = static_cast<int>(in.u32());
  how.directory = in.text();
  for (auto left = in.u32(); left > 0; --left) {
    std::string name(in.text());
    std::optional<std::string> value;
    if (in.u32() != 0) value = in.text();
    how.environment.insert_or_assign(std::move(name), std::move(value));
  }
  return how;
}

void write_failure(little_endian_writer& out, const failure& reason) {
  out.u32(static_cast<std::uint32_t>(reason.kind));
  out.text(reason.message);
  out.text(reason.type);
  out.text(reason.where);
  out.duration(reason.elapsed);
  out.u32(static_cast<std::uint32_t>(reason.attempts));
  out.u32(static_cast<std::uint32_t>(reason.signal));
  const carried_value carried = carried_by(reason);
  out.text(carried.type);
  out.text(carried.bytes);
}

failure read_failure(little_endian_reader& in) {
  failure reason;
  const auto kind = in.u32();
  if (kind > static_cast<std::uint32_t>(failure_kind::task_failed)) refuse("a failure is of an unknown kind");
  reason.kind = static_cast<failure_kind>(kind);
  reason.message = in.text();
  reason.type = in.text();
  reason.where = in.text();
  reason.elapsed = in.duration();
  reason.attempts = static_cast<int>(in.u32());
  reason.signal = static_cast<int>(in.u32());
  const std::string_view type = in.text();
  restore_error(reason, type, in.text());
  return reason;
}

}  // namespace

std::uint64_t function_digest(std::string_view name, std::string_view context) noexcept {
  std::uint64_t digest = 0xcbf29ce484222325U;  // FNV-1a
  const auto add = [&](std::uint8_t byte) { digest = (digest ^ byte) * 0x100000001b3U; };
  for (const char each : name) add(static_cast<std::uint8_t>(each));
  add(0);
  for (const char each : context) add(static_cast<std::uint8_t>(each));
  return digest;
}

bool is_node_message(std::string_view message, std::uint64_t& run) noexcept {
  if (!message.starts_with(magic) || message.size() < magic.size() + sizeof(std::uint32_t) + sizeof run) return false;
  message.remove_prefix(magic.size() + sizeof(std::uint32_t));
  run = little_endian_reader(message).u64();
  return true;
}

node_header take_header(std::string_view& message) {
  if (!message.starts_with(magic))
    throw error(failure_kind::protocol, "bytes that are no message between engine and node came over a link");
  message.remove_prefix(magic.size());
  little_endian_reader in(message);
  const auto version = in.u32();
  if (version != node_version)
    throw error(failure_kind::protocol,
                fmt::format("the messages of engine and node are of different versions: one that came is of version "
                            "{}, and this end writes {}",
                            version, node_version));
  node_header header;
  header.run = in.u64();
  const auto type = in.u32();
  if (type < static_cast<std::uint32_t>(node_message::open) || type > static_cast<std::uint32_t>(node_message::refused))
    refuse("it is of an unknown type");
  header.type = static_cast<node_message>(type);
  header.function = in.u64();
  const auto build = in.raw(header.build.size());
  std::memcpy(header.build.data(), build.data(), build.size());
  return header;
}

std::string mismatch(const node_header& said, std::string_view peer) {
  if (said.build == own_build()) return {};
  return fmt::format("the {} is another build of the program: {}, and this one is {}", peer, to_string(said.build),
                     to_string(own_build()));
}

std::string encode_open(node_header header, const node_terms& terms) {
  header.function = function_digest(terms.function, terms.context);
  std::string bytes = begin(header, node_message::open);
  little_endian_writer out(bytes);
  out.text(terms.function);
  out.text(terms.context);
  out.text(terms.shape);
  out.duration(terms.limit);
  out.duration(terms.heartbeat);
  out.u32(terms.coroutine ? 1 : 0);
  write_workers(out, terms.workers);
  return bytes;
}

node_terms decode_open(std::string_view body) {
  little_endian_reader in(body);
  node_terms terms;
  terms.function = in.text();
  terms.context = in.text();
  terms.shape = in.text();
  terms.limit = in.duration();
  terms.heartbeat = in.duration();
  terms.coroutine = in.u32() != 0;
  terms.workers = read_workers(in);
  require_end(body);
  return terms;
}

std::string encode_ready(node_header header, const node_places& places) {
  std::string bytes = begin(header, node_message::ready);
  little_endian_writer out(bytes);
  out.u32(places.tasks);
  out.u32(places.lanes);
  out.u32(places.processes);
  return bytes;
}

node_places decode_ready(std::string_view body) {
  little_endian_reader in(body);
  node_places places;
  places.tasks = in.u32();
  places.lanes = in.u32();
  places.processes = in.u32();
  require_end(body);
  if (places.tasks == 0 || places.lanes == 0 || places.processes == 0) refuse("the node has no place for a task");
  if (places.tasks > shape_limits::in_flight || places.lanes > shape_limits::in_flight ||
      places.processes > shape_limits::processes)
    refuse("the node has more places than a shape can have");
  return places;
}

std::string encode_inputs(node_header header, std::uint64_t first_index, const encoded_values& inputs,
                          std::uint32_t from, std::uint32_t to) {
  std::string bytes = begin(header, node_message::inputs);
  little_endian_writer out(bytes);
  out.u64(first_index);
  out.u32(to - from);
  out.u32(inputs.each());
  if (inputs.each() == varying_size) {
    std::uint32_t end = 0;
    for (std::uint32_t i = from; i < to; ++i) out.u32(end += static_cast<std::uint32_t>(inputs[i].size()));
  }
  bytes += inputs.all().substr(inputs.bytes(0, from), inputs.bytes(from, to));
  return bytes;
}

node_inputs decode_inputs(std::string_view body) {
  little_endian_reader in(body);
  node_inputs batch;
  batch.first_index = in.u64();
  const auto count = in.u32();
  const auto each = in.u32();
  if (count == 0) refuse("a batch has no inputs");
  if (batch.first_index + count < batch.first_index) refuse("an index is beyond all");
  const auto inputs = encoded_view::take(body, count, each);
  if (!inputs) refuse("a batch ends too soon");
  require_end(body);
  batch.inputs = *inputs;
  return batch;
}

std::string encode_bare(node_header header, node_message type) {
  return begin(header, type);
}

std::string encode_done(node_header header, const report& cost) {
  std::string bytes = begin(header, node_message::done);
  little_endian_writer out(bytes);
  out.duration(cost.cpu_user);
  out.duration(cost.cpu_system);
  out.u64(cost.voluntary_switches);
  out.u64(cost.involuntary_switches);
  out.u64(cost.peak_rss_bytes);
  out.u64(cost.ipc_bytes);
  out.u32(cost.restarts);
  return bytes;
}

report decode_done(std::string_view body) {
  little_endian_reader in(body);
  report cost;
  cost.cpu_user = in.duration();
  cost.cpu_system = in.duration();
  cost.voluntary_switches = in.u64();
  cost.involuntary_switches = in.u64();
  cost.peak_rss_bytes = in.u64();
  cost.ipc_bytes = in.u64();
  cost.restarts = in.u32();
  require_end(body);
  return cost;
}

std::string encode_refused(node_header header, std::string_view why) {
  std::string bytes = begin(header, node_message::refused);
  bytes += why;
  return bytes;
}

std::string decode_refused(std::string_view body) {
  return std::string(body);
}

outcomes_writer::outcomes_writer(node_header header) : header_(header) {
  begin();
}

void outcomes_writer::begin() {
  bytes_ = detail::begin(header_, node_message::outcomes);
  count_ = 0;
}

void outcomes_writer::add(const node_outcome& outcome) {
  little_endian_writer out(bytes_);
  out.u64(outcome.index);
  out.u32(outcome.lane);
  out.duration(outcome.started_ago);
  out.duration(outcome.elapsed);
  out.duration(outcome.cpu);
  const auto* const value = std::get_if<std::string_view>(&outcome.result);
  out.u32(value ? 1 : 0);
  if (value)
    out.text(*value);
  else
    write_failure(out, std::get<failure>(outcome.result));
  ++count_;
}

std::string outcomes_writer::take() {
  std::string message = std::exchange(bytes_, {});
  begin();
  return message;
}

outcomes_reader::outcomes_reader(std::string_view body) : left_(body) {}

bool outcomes_reader::next(node_outcome& outcome) {
  if (left_.empty()) return false;
  little_endian_reader in(left_);
  outcome.index = in.u64();
  outcome.lane = in.u32();
  outcome.started_ago = in.duration();
  outcome.elapsed = in.duration();
  outcome.cpu = in.duration();
  if (outcome.elapsed.count() < 0 || outcome.started_ago < outcome.elapsed) refuse("a task has ended in the future");
  if (in.u32() != 0)
    outcome.result = in.text();
  else
    outcome.result = read_failure(in);
  return true;
}

}  // namespace fanout::detail
