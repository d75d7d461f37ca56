#pragma once

#include <fanout/core/detail/encoded_values.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/report.hpp>

#include "process/channel/build_identity.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// What a process and its workers say to each other, over any byte stream: frames of a length, a type and a payload.
///
///     parent -> worker   setup     once, first: who it is, how many lanes, limits
///     worker -> parent   hello     once, when it is ready
///     parent -> worker   function  before the first tasks of each function: its number here, its name and context
///     parent -> worker   forget    a function of which nothing is under way: its number is free again
///     parent -> worker   tasks     any number, each of one function; then the parent closes its sending side
///     parent -> worker   recall    give back tasks that have not been started
///     worker -> parent   returned  once for each recall: which
///     worker -> parent   results   any number
///     worker -> parent   held      before a coroutine's result, where a timeline is kept: when it held its thread
///     worker -> parent   bye       once, last: what it used
///     worker -> parent   startup_error   instead of the rest: why it cannot work, as text
///
/// Both ends are the same build of the same program, so numbers travel as they are in memory.
namespace fanout::detail {

/// Raised whenever the meaning of a frame changes.
inline constexpr std::uint32_t wire_version = 6;
inline constexpr std::uint32_t wire_magic = 0x666e7431;  // "fnt1"
/// A frame beyond this is not one: the stream is corrupt.
inline constexpr std::uint32_t max_frame_bytes = (1U << 30) + (1U << 25);

static_assert(max_value_bytes < max_frame_bytes - (1U << 24), "a frame has room for a full batch and one value");

enum class frame_type : std::uint32_t {
  hello = 1,
  setup,
  tasks,
  results,
  bye,
  startup_error,
  function,
  forget,
  recall,
  returned,
  held
};

struct frame_header {
  std::uint32_t bytes = 0;  ///< of the payload
  frame_type type = frame_type::hello;
  bool possible() const noexcept {
    return bytes <= max_frame_bytes && type >= frame_type::hello && type <= frame_type::held;
  }
};

/// What each end says of itself first: the worker in its hello, the parent at the front of its set-up.
struct hello_frame {
  std::uint32_t magic = wire_magic;
  std::uint32_t version = wire_version;
  build_identity build = own_build();
};

/// Why the two ends must not work together; empty when they may. `peer` is what this end calls the other.
std::string mismatch(const hello_frame& said, std::string_view peer);
/// In the parent, of a worker's hello: throws `fanout::error` of kind `protocol` when the two must not work together.
void check_hello(std::string_view payload);

/// After a hello; the encoded `worker_settings` follow.
struct setup_frame {
  std::uint32_t threads = 1;
  std::uint32_t in_flight = 1;
  std::uint32_t first_lane = 0;
  std::uint32_t loops = 0;     ///< whether lanes have event loops, for coroutines; else coroutines run one at a time
  std::uint32_t timeline = 0;  ///< whether `held` frames are wanted
  std::uint32_t unused = 0;
};

/// Followed by the function's name and the encoded context.
struct function_frame {
  std::uint32_t number = 0;
  std::uint32_t name_bytes = 0;
  std::uint32_t vital = 0;  ///< a worker that cannot make it is of no use; else its tasks fail, and others may not
};

struct forget_frame {
  std::uint32_t number = 0;
};

/// A batch of tasks; the encoded inputs follow, as `encoded_view` reads them.
struct tasks_frame {
  std::uint64_t first_ordinal = 0;  ///< of the tasks handed to this worker, from 0, in order; the others follow
  std::int64_t limit_ns = 0;        ///< for each of the tasks; 0 for none
  std::uint32_t function = 0;
  std::uint32_t count = 0;
  std::uint32_t each = 0;  ///< size of each input, or `varying_size`
  /// Whether others may be handed over while all lanes are at tasks: then the worker listens beside them.
  std::uint32_t more_may_come = 0;
};

/// Wants back the last tasks that have not been started, but for the first `keep` of them.
struct recall_frame {
  std::uint32_t keep = 0;
  std::uint32_t unused = 0;
};

/// Tasks from this ordinal on are the parent's again, and will not be started; the next ones are numbered from here.
struct returned_frame {
  std::uint64_t from = 0;
};

/// Results of tasks that one lane ran one after the other; a `results` frame has any number of these. For more than one
/// task, the end of each follows, as `result_batch` reads it; then the encoded values, or the encoded failure of one.
struct results_header {
  std::uint64_t first_ordinal = 0;
  std::int64_t started_ns = 0;  ///< steady clock, which the processes of a machine share
  std::int64_t finished_ns = 0;
  std::int64_t cpu_ns = -1;
  std::uint32_t count = 0;
  std::uint32_t lane = 0;
  std::uint32_t each = 0;  ///< size of each value, or `varying_size`
  std::uint32_t ok = 0;
};

/// One of them, with what follows.
struct received_results {
  results_header header;
  std::string_view ends;
  encoded_view values;
};

/// Of one task; its spans follow, the beginning and the end of each on the steady clock in ns.
struct held_frame {
  std::uint64_t ordinal = 0;
};

/// What went wrong on the way out follows, as text.
struct bye_frame {
  std::uint64_t peak_rss_bytes = 0;
};

template <class T>
void append_raw(std::string& bytes, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Takes a `T` off the front of `bytes`; empty when there are too few.
template <class T>
std::optional<T> take_raw(std::string_view& bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

/// Takes one run of results off the front of a `results` payload; empty when that is not what it holds.
std::optional<received_results> take_results(std::string_view& payload);

/// Takes `count` bytes off the front; empty when there are too few.
std::optional<std::string_view> take_bytes(std::string_view& bytes, std::uint64_t count);

/// Writes one frame in place: the header first, its length set by `close`.
class frame_writer {
 public:
  frame_writer(std::string& bytes, frame_type type);
  frame_writer(const frame_writer&) = delete;
  frame_writer& operator=(const frame_writer&) = delete;
  /// Throws `fanout::error` of kind `too_large` beyond `max_frame_bytes`. So many bytes of the frame follow elsewhere.
  void close(std::size_t following = 0);
  std::size_t payload_bytes() const noexcept { return bytes_.size() - header_at_ - sizeof(frame_header); }

 private:
  std::string& bytes_;
  std::size_t header_at_;
  frame_type type_;
};

/// Appends the frame that describes a function; `vital` as in `function_frame`.
void append_function(std::string& bytes, std::uint32_t number, const remote_callable& function, bool vital);

/// Received bytes, frame by frame.
class frame_reader {
 public:
  struct frame {
    frame_type type;
    std::string_view payload;  ///< valid until the next call
  };

  /// Frames of so many bytes get memory of their own; for fewer a copy costs less.
  explicit frame_reader(std::size_t least_large = 64 * 1024) : least_large_(least_large) {}

  /// Room for at least `bytes` more; tell how many came with `added`.
  char* prepare(std::size_t bytes);
  /// The same, or room for the rest of a large frame that has begun. It gets memory of its own, of its size.
  std::span<char> room(std::size_t bytes);
  void added(std::size_t bytes) { (large_under_way() ? large_filled_ : end_) += bytes; }

  /// The next whole frame, if it is there. Throws `fanout::error` of kind `protocol` for what cannot be a frame.
  std::optional<frame> next();
  /// The same, but it stays until `pop`.
  std::optional<frame> peek() const;
  void pop();
  /// The memory of a large frame, which `next` returned last; null when it has none of its own.
  std::unique_ptr<char[]> take_large();
  bool empty() const noexcept { return begin_ == end_ && !large_under_way(); }

 private:
  static constexpr std::size_t most_large = 64 << 20;  ///< more is not set aside before it has come

  bool large_under_way() const noexcept { return large_ && !large_popped_; }

  std::size_t least_large_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::unique_ptr<char[]> large_;  ///< the payload of a large frame
  frame_header large_header_;
  std::size_t large_filled_ = 0;
  bool large_popped_ = false;  ///< it was returned, and stays until more comes
};

/// What follows the ordinal in a `held` frame; empty for what cannot.
void encode_held(const std::vector<held_span>& spans, std::string& bytes);
std::optional<std::vector<held_span>> decode_held(std::string_view bytes);

void encode_failure(const failure& value, std::string& bytes);
failure decode_failure(std::string_view bytes);

}  // namespace fanout::detail
