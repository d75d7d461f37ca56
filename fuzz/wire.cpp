#include "process/channel/wire.hpp"

#include <fanout/core/detail/remote_job.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/process/codec.hpp>

#include "check.hpp"
#include "process/supervisor/task_ledger.hpp"
#include "process/worker/worker_settings.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// Four bytes say how to cut; the rest is what came from another process, frames of values. Corrupt bytes are told by a
/// `fanout::error`, never by another exception or by the memory they claim.
namespace {

using namespace fanout;
using fuzz::check;

using frames = std::vector<std::pair<detail::frame_type, std::string>>;

/// The frames there are; the last one is cut off, or followed by what is no frame.
template <class Next>
frames read(Next next, bool own_memory) {
  frames seen;
  detail::frame_reader reader(own_memory ? 8 : 64 * 1024);
  for (auto piece = next(); !piece.empty(); piece = next()) {
    try {
      while (!piece.empty()) {
        const auto room =
            own_memory ? reader.room(piece.size()) : std::span(reader.prepare(piece.size()), piece.size());
        const auto part = piece.substr(0, room.size());
        std::memcpy(room.data(), part.data(), part.size());
        reader.added(part.size());
        piece.remove_prefix(part.size());
        while (const auto frame = reader.next()) seen.emplace_back(frame->type, frame->payload);
      }
    } catch (const error& corrupt) {
      check(corrupt.kind() == failure_kind::protocol, "corrupt bytes are the peer's fault");
      break;
    }
  }
  return seen;
}

/// Whatever can be decoded can be encoded and decoded again.
template <class T>
void decode(std::string_view bytes) {
  try {
    const T value = detail::decode_value<T>(bytes);
    std::string encoded;
    detail::encode_value(value, encoded);
    std::string again;
    detail::encode_value(detail::decode_value<T>(encoded), again);
    check(encoded == again, "a value survives the way");
  } catch (const error& corrupt) {
    check(corrupt.kind() == failure_kind::protocol, "a corrupt value is the peer's fault");
  }
}

void decode_as_failure(std::string_view bytes) {
  try {
    const failure value = detail::decode_failure(bytes);
    check(!to_string(value.kind).empty(), "a failure is of a known kind");
  } catch (const error& corrupt) {
    check(corrupt.kind() == failure_kind::protocol, "a corrupt failure is the peer's fault");
  }
}

/// Whatever a frame claims to hold, no value of it lies outside the frame.
void check_inside(std::string_view outer, std::string_view inner) {
  check(inner.empty() || (inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size()),
        "a value lies in its frame");
}

void read_results(std::string_view payload) {
  std::string_view rest = payload;
  while (const auto results = detail::take_results(rest)) {
    check(results->header.count > 0 && results->values.count() == results->header.count, "a run has results");
    const detail::result_batch run({}, results->ends, results->values);
    for (std::uint32_t i = 0; i < std::min(run.count(), 4096U); ++i) {
      check_inside(payload, run.value(i));
      check(results->ends.empty() || run.facts(i).index == i, "a task of a run has its index");
    }
    check_inside(payload, rest);
  }
}

/// The inputs of a batch, as a worker reads them; what it has read can be written and read again.
void read_batch(std::string_view payload) {
  std::string_view rest = payload;
  const auto header = detail::take_raw<detail::tasks_frame>(rest);
  if (!header) return;
  const auto inputs = detail::encoded_view::take(rest, header->count, header->each);
  if (!inputs || inputs->count() > 4096) return;
  detail::encoded_values again;
  for (std::uint32_t i = 0; i < inputs->count(); ++i) {
    check_inside(payload, (*inputs)[i]);
    again.open() += (*inputs)[i];
    check(again.close(), "what came in a frame is not too large for one");
  }
  std::string written;
  again.append_to(written);
  std::string_view bytes = written;
  const auto reread = detail::encoded_view::take(bytes, again.count(), again.each());
  check(reread && bytes.empty(), "a batch survives the way");
  for (std::uint32_t i = 0; i < inputs->count(); ++i) check((*reread)[i] == (*inputs)[i], "and so does each input");
}

/// What each end says of itself first.
void read_hello(std::string_view payload) {
  std::string_view rest = payload;
  const auto said = detail::take_raw<detail::hello_frame>(rest);
  if (!said) return check(payload.size() < sizeof(detail::hello_frame) && rest == payload, "nothing of it was taken");
  const bool same =
      said->magic == detail::wire_magic && said->version == detail::wire_version && said->build == detail::own_build();
  check(detail::mismatch(*said, "worker process").empty() == same, "the same build is accepted, and nothing else");
  if (!detail::take_raw<detail::setup_frame>(rest)) return;
  try {
    const auto settings = detail::worker_settings::decode(rest);
    std::string encoded;
    settings.encode(encoded);
    std::string again;
    detail::worker_settings::decode(encoded).encode(again);
    check(encoded == again, "the settings survive the way");
  } catch (const error& corrupt) {
    check(corrupt.kind() == failure_kind::protocol, "corrupt settings are the peer's fault");
  }
}

/// The rest of what the two ends say: a number or two, and text.
void read_small_frames(std::string_view payload) {
  std::string_view rest = payload;
  if (const auto told = detail::take_raw<detail::function_frame>(rest)) {
    const auto name = detail::take_bytes(rest, told->name_bytes);
    if (name) check_inside(payload, *name);
    check(name.has_value() == (payload.size() >= sizeof *told + std::size_t{told->name_bytes}), "a name is whole");
    check_inside(payload, rest);
  }
  rest = payload;
  if (detail::take_raw<detail::bye_frame>(rest)) check_inside(payload, rest);
  for (const std::size_t size : {sizeof(detail::returned_frame), sizeof(detail::recall_frame)}) {
    rest = payload;
    check(detail::take_bytes(rest, size).has_value() == (payload.size() >= size), "what is whole is taken");
  }
}

/// What a parent books of the tasks it handed over, as results of them come in any order: two bytes for each, where
/// they begin and how many they are; sometimes all that is left untouched is taken back.
void book_results(std::string_view orders) {
  constexpr std::uint32_t count = 48;
  constexpr std::uint64_t first = 1'000;
  detail::encoded_values inputs;
  for (std::uint32_t i = 0; i < count; ++i) {
    inputs.open() += "abcd";
    inputs.close();
  }
  detail::handed_batch batch(first, {.first_index = 0, .terms = {}, .inputs = std::move(inputs), .deaths = 0});
  std::vector<bool> finished(count);
  for (; orders.size() >= 2; orders.remove_prefix(2)) {
    const auto size = static_cast<std::uint32_t>(finished.size());
    if (size == 0) return;
    const std::uint32_t from = static_cast<unsigned char>(orders[0]) % size;
    const std::uint32_t to = std::min(size, from + 1 + static_cast<unsigned char>(orders[1]) % 8);
    if (static_cast<unsigned char>(orders[1]) >= 250 && first + from >= batch.untouched_ordinal()) {
      check(batch.cut(first + from).count() == size - from, "what is taken back is what was left");
      finished.resize(from);
    } else {
      const bool twice = std::find(finished.begin() + from, finished.begin() + to, true) != finished.begin() + to;
      check(batch.finish(first + from, first + to) == !twice, "a task is finished once");
      if (!twice) std::fill(finished.begin() + from, finished.begin() + to, true);
    }
    const auto open = static_cast<std::uint32_t>(std::count(finished.begin(), finished.end(), false));
    check(batch.unfinished() == open, "as many are unfinished as have no result");
    const auto front = std::find(finished.begin(), finished.end(), false) - finished.begin();
    check(batch.front_ordinal() == first + static_cast<std::uint64_t>(front), "the front is the first of them");
    for (std::uint32_t i = 0; i < finished.size(); ++i)
      check(batch.finished(first + i) == finished[i], "each is known to be finished or not");
    for (auto i = batch.untouched_ordinal() - first; i < finished.size(); ++i)
      check(!finished[i], "what was finished is never given back");
  }
}

void read_held(std::string_view payload) {
  const auto spans = detail::decode_held(payload);
  check(spans.has_value() == (payload.size() % (2 * sizeof(std::int64_t)) == 0), "spans are two numbers each");
  if (!spans) return;
  std::string again;
  detail::encode_held(*spans, again);
  check(again == payload, "spans survive the way");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= fuzz::pieces::sizes) return 0;
  fuzz::pieces cut(fuzz::text_of(data, size));
  const std::string_view bytes = cut.all();
  std::string_view whole = bytes;
  const frames at_once = read([&] { return std::exchange(whole, {}); }, false);
  check(at_once == read([&] { return cut.next(); }, true), "the frames do not depend on the cut");

  frames payloads = at_once;
  payloads.emplace_back(detail::frame_type::hello, bytes);  // values that are not in frames, which are easier to hit
  for (const auto& [type, payload] : payloads) {
    decode_as_failure(payload);
    read_results(payload);
    read_batch(payload);
    read_hello(payload);
    read_small_frames(payload);
    book_results(payload);
    read_held(payload);
    decode<std::string>(payload);
    decode<std::vector<std::string>>(payload);
    decode<std::vector<std::pair<std::uint64_t, double>>>(payload);
    decode<std::vector<std::vector<bool>>>(payload);
    decode<std::map<std::string, std::optional<bool>>>(payload);
    decode<std::variant<int, std::string>>(payload);
    decode<fetch::request>(payload);
    decode<fetch::record>(payload);
  }
  return 0;
}
