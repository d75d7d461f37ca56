#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/core/detail/encoded_values.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace fanout::detail {

/// An input of a batch, which stays in the message it came in.
struct fed_input {
  std::shared_ptr<const std::string> message;
  std::string_view bytes;
  std::uint64_t index = 0;                                      ///< the engine's
  operator std::string_view() const noexcept { return bytes; }  // NOLINT(google-explicit-constructor): it is its bytes
};

/// The source of a run in a node: the batches that came, one input after another.
///
/// Thread safety: all members may be called from any thread.
class batch_feed {
 public:
  batch_feed();
  /// `inputs` are bytes of `message`.
  void add(std::shared_ptr<const std::string> message, std::uint64_t first_index, const encoded_view& inputs);
  void finish();

  // As `waitable_source` has it.
  std::optional<fed_input> next();
  bool ready();
  int handle() const noexcept { return wake_.value(); }

 private:
  struct batch {
    std::shared_ptr<const std::string> message;
    std::uint64_t first_index = 0;
    encoded_view inputs;
    std::uint32_t taken = 0;
  };
  void announce();

  owned_descriptor wake_;  ///< readable while there is an input, and from the end on
  std::mutex mutex_;       ///< guards what follows, and keeps `wake_` in step with it
  std::deque<batch> batches_;
  bool finished_ = false;
};

}  // namespace fanout::detail
