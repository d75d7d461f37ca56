#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/core/detail/encoded_values.hpp>
#include <fanout/core/report.hpp>
#include <fanout/core/worker_options.hpp>

#include "process/channel/build_identity.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

/// \file
/// What an engine and its nodes say to each other: whole messages, carried by anything that keeps each together and
/// those of one direction in order.
///
///     engine -> node   open      a run begins: its function, the shape it runs under there, its options
///     node -> engine   ready     how many tasks it can have under way
///     engine -> node   inputs    any number: a batch of encoded inputs, with consecutive indices
///     node -> engine   outcomes  any number: what became of some of them, each with its measurements; of none where
///                                nothing else was sent for as long as `node_terms::heartbeat`
///     engine -> node   finish    no more inputs; or
///     engine -> node   cancel    no more inputs, and tasks under way are cancelled
///     node -> engine   done      once, last: what the run cost there
///     node -> engine   refused   instead of the rest: why it cannot be, as text
///
/// Numbers are little endian. Each message says its version, its run, and which build and function it is for. There are
/// no points in time, addresses or descriptors in it: times are durations, and the start of a task is how long ago that
/// was when the message was written. Encoded values and contexts are what the build makes of them (codec.hpp).
///
/// All decoders throw `fanout::error` of kind `protocol` for bytes that are no such message.
namespace fanout::detail {

/// Raised whenever the meaning of a message changes; where the version stands in it never does.
inline constexpr std::uint32_t node_version = 3;
/// A message beyond this is not one.
inline constexpr std::size_t max_node_message = (std::size_t{1} << 30) + (std::size_t{1} << 25);

enum class node_message : std::uint32_t { open = 1, ready, inputs, outcomes, finish, cancel, done, refused };

/// What every message begins with.
struct node_header {
  node_message type = node_message::open;
  std::uint64_t run = 0;       ///< number of the run, the engine's own
  std::uint64_t function = 0;  ///< `function_digest` of the run's
  build_identity build = own_build();
};

/// The same for the same name and context, on every machine.
std::uint64_t function_digest(std::string_view name, std::string_view context) noexcept;

/// Takes the header off the front of `message`. Throws for another version, too.
node_header take_header(std::string_view& message);
/// Only whether the bytes begin as a message of any version does, and of which run it is.
bool is_node_message(std::string_view message, std::uint64_t& run) noexcept;
/// Why this end must not act on the message; empty when it may.
std::string mismatch(const node_header& said, std::string_view peer);

/// What a node needs to know of a run.
struct node_terms {
  std::string function = {};
  std::string context = {};
  std::string shape = {};                 ///< as `parse_shape` reads it, there
  std::chrono::nanoseconds limit{0};      ///< for each task; zero or less for none
  std::chrono::nanoseconds heartbeat{0};  ///< the node sends something at least this often; zero or less for no matter
  bool coroutine = false;
  /// All but `command`, `cores`, `output` and `on_output`, which are the node's own.
  worker_options workers = {};
};

/// What a node offers a run.
struct node_places {
  std::uint32_t tasks = 1;  ///< that can be under way
  std::uint32_t lanes = 1;
  std::uint32_t processes = 1;
};

/// Inputs, in bytes that belong to the message.
struct node_inputs {
  std::uint64_t first_index = 0;  ///< the others follow
  encoded_view inputs;
};

/// The outcome of one task. A value is in bytes that belong to the message.
struct node_outcome {
  std::uint64_t index = 0;
  std::uint32_t lane = 0;  ///< the node's own number
  std::chrono::nanoseconds started_ago{0};
  std::chrono::nanoseconds elapsed{0};
  std::chrono::nanoseconds cpu{-1};
  std::variant<std::string_view, failure> result;
};

std::string encode_open(node_header header, const node_terms& terms);
node_terms decode_open(std::string_view body);
std::string encode_ready(node_header header, const node_places& places);
node_places decode_ready(std::string_view body);
/// Of `inputs` those from `from` up to before `to`.
std::string encode_inputs(node_header header, std::uint64_t first_index, const encoded_values& inputs,
                          std::uint32_t from, std::uint32_t to);
node_inputs decode_inputs(std::string_view body);
/// `finish` and `cancel` have nothing but the header.
std::string encode_bare(node_header header, node_message type);
std::string encode_done(node_header header, const report& cost);
report decode_done(std::string_view body);
std::string encode_refused(node_header header, std::string_view why);
std::string decode_refused(std::string_view body);

/// Writes outcomes one after the other.
class outcomes_writer {
 public:
  explicit outcomes_writer(node_header header);
  void add(const node_outcome& outcome);
  std::size_t bytes() const noexcept { return bytes_.size(); }
  std::uint32_t count() const noexcept { return count_; }
  /// The message, after which this is empty again.
  std::string take();

 private:
  void begin();

  node_header header_;
  std::string bytes_;
  std::uint32_t count_ = 0;
};

/// Reads them one after the other.
class outcomes_reader {
 public:
  explicit outcomes_reader(std::string_view body);
  /// False at the end.
  bool next(node_outcome& outcome);

 private:
  std::string_view left_;
};

}  // namespace fanout::detail
