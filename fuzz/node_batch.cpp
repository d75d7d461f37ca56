#include "check.hpp"
#include "process/node/node_message.hpp"
#include "process/node/sent_batches.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// What comes over a link between an engine and a node: a message. Corrupt ones are told by a `fanout::error` of kind
/// `protocol`; what can be read can be written, and is then the same.
namespace {

using namespace fanout;
using fuzz::check;

template <class Read>
void read(Read&& from_bytes) {
  try {
    from_bytes();
  } catch (const error& corrupt) {
    check(corrupt.kind() == failure_kind::protocol, "corrupt bytes are the peer's fault");
  }
}

std::string_view body_of(std::string_view message) {
  detail::take_header(message);
  return message;
}

void check_inside(std::string_view outer, std::string_view inner) {
  check(inner.empty() || (inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size()),
        "a value lies in its message");
}

void read_open(const detail::node_header& header, std::string_view body) {
  const auto terms = detail::decode_open(body);
  const std::string once = detail::encode_open(header, terms);
  check(once == detail::encode_open(header, detail::decode_open(body_of(once))), "the terms survive the way");
}

void read_inputs(const detail::node_header& header, std::string_view body) {
  const auto batch = detail::decode_inputs(body);
  if (batch.inputs.count() > 4096) return;
  detail::encoded_values values;
  for (std::uint32_t i = 0; i < batch.inputs.count(); ++i) {
    check_inside(body, batch.inputs[i]);
    values.open() += batch.inputs[i];
    check(values.close(), "what came in a message is not too large for one");
  }
  const std::uint32_t half = values.count() / 2;  // a batch can be sent in two
  const std::string first = detail::encode_inputs(header, batch.first_index, values, 0, values.count());
  const auto all = detail::decode_inputs(body_of(first));
  const std::string second = detail::encode_inputs(header, batch.first_index + half, values, half, values.count());
  const auto rest = detail::decode_inputs(body_of(second));
  check(all.first_index == batch.first_index && all.inputs.count() == values.count(), "a batch survives the way");
  check(rest.first_index == batch.first_index + half && rest.inputs.count() == values.count() - half, "and a part");
  for (std::uint32_t i = 0; i < values.count(); ++i) {
    check(all.inputs[i] == batch.inputs[i], "each input survives the way");
    if (i >= half) check(rest.inputs[i - half] == batch.inputs[i], "and in a part of the batch");
  }
}

void read_outcomes(const detail::node_header& header, std::string_view body) {
  detail::outcomes_reader reader(body);
  detail::outcomes_writer writer(header);
  detail::node_outcome outcome;
  std::uint32_t count = 0;
  while (reader.next(outcome)) {
    check(outcome.elapsed <= outcome.started_ago, "a task has ended before its outcome was written");
    if (const auto* const value = std::get_if<std::string_view>(&outcome.result)) check_inside(body, *value);
    writer.add(outcome);
    ++count;
  }
  check(writer.count() == count, "each outcome was written");
  const std::string written = writer.take();
  detail::outcomes_reader again(body_of(written));
  detail::outcomes_writer rewriter(header);
  while (again.next(outcome)) rewriter.add(outcome);
  check(rewriter.take() == written, "outcomes survive the way");
}

void read_small(const detail::node_header& header, std::string_view body) {
  read([&] {
    const auto places = detail::decode_ready(body);
    const std::string written = detail::encode_ready(header, places);
    check(body_of(written) == body, "places survive the way");
  });
  read([&] {
    const std::string written = detail::encode_done(header, detail::decode_done(body));
    check(body_of(written) == body, "a cost survives the way");
  });
  check(detail::decode_refused(body) == body, "a reason is the whole body");
}

/// What an engine books of the tasks that it sent, as outcomes come in any order, of tasks that there are or not: a
/// byte for each.
void book_outcomes(std::string_view indices) {
  constexpr std::uint64_t end = 200;
  detail::sent_batches sent;
  std::vector<bool> open(end);
  for (std::uint64_t first = 10; first + 12 <= end; first += 20) {
    detail::encoded_values inputs;
    for (int i = 0; i < 12; ++i) {
      inputs.open() += static_cast<char>('a' + i);
      inputs.close();
    }
    sent.add(first, 12, inputs.bytes(), first % 40 == 10 ? 1 : 2, {}, std::move(inputs));
    std::fill_n(open.begin() + static_cast<std::ptrdiff_t>(first), 12, true);
  }
  for (const char each : indices) {
    const std::uint64_t index = static_cast<unsigned char>(each);
    const bool expected = index < end && open[index];
    check(sent.finish(index).has_value() == expected, "a task has one outcome, and only one that was sent");
    if (expected) open[index] = false;
  }
  check(sent.count() == static_cast<std::uint64_t>(std::count(open.begin(), open.end(), true)), "as many are open");
  std::vector<detail::input_batch> again;
  std::vector<detail::sent_batches::open_task> without;
  sent.take_open(1, again, without);
  for (const auto& batch : again)
    for (std::uint32_t i = 0; i < batch.inputs.count(); ++i) {
      const std::uint64_t index = batch.first_index + i;
      check(batch.attempt == 2 && open[index], "what is tried again had no outcome");
      check(batch.inputs[i] == std::string(1, static_cast<char>('a' + (index - 10) % 20)), "and has its input");
      open[index] = false;
    }
  for (const auto& task : without) {
    check(task.attempt == 2 && open[task.index], "what is not tried again had no outcome");
    open[task.index] = false;
  }
  check(std::count(open.begin(), open.end(), true) == 0 && sent.count() == 0 && sent.bytes() == 0, "none is forgotten");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message = fuzz::text_of(data, size);
  book_outcomes(message);
  std::uint64_t run = 0;
  const bool begun = detail::is_node_message(message, run);
  detail::node_header header;
  std::string_view body = message;
  read([&] {
    header = detail::take_header(body);
    check(begun && header.run == run, "a message has its run");
    check(detail::mismatch(header, "node").empty() == (header.build == detail::own_build()), "the same build is taken");
  });
  for (const std::string_view bytes : {body, message}) {  // a body that has no header, which is easier to hit
    read([&] { read_open(header, bytes); });
    read([&] { read_inputs(header, bytes); });
    read([&] { read_outcomes(header, bytes); });
    read_small(header, bytes);
  }
  return 0;
}
