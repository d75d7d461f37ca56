#pragma once

#include <fanout/core/outcome.hpp>
#include <fanout/process/nodes.hpp>

#include "process/node/batch_feed.hpp"
#include "process/node/node_message.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace fanout::detail {

/// One run's part in a node: an ordinary run of the local shape, on a thread of its own, whose source is what the
/// engine sends. Outcomes wait for another thread to send them: while it sends some, more gather, so the shorter tasks
/// are, the more of them share a message, and no outcome waits for another task.
///
/// Thread safety: one thread. Destroying it cancels and awaits the run.
class node_job {
 public:
  using sender = std::function<void(std::string)>;

  /// Throws for a run that cannot be. `send` is called from any thread.
  node_job(const node_header& header, const node_terms& terms, sender send);
  node_job(const node_job&) = delete;
  node_job& operator=(const node_job&) = delete;
  ~node_job();

  std::uint64_t function() const noexcept { return header_.function; }
  node_places places() const noexcept;
  /// Once, after the engine heard of the places.
  void start();
  void add(std::shared_ptr<const std::string> message, const node_inputs& batch);
  void finish() { feed_.finish(); }
  void cancel();
  /// Whether it has sent its last message.
  bool over() const;

 private:
  using ended_task = std::pair<std::uint64_t, outcome<std::string>>;  ///< the engine's index first

  void work();
  report run_to_end();
  template <class Function>
  report run_function(const Function& function);
  void send_outcomes(const std::stop_token& closing);
  bool wait_for_outcomes(std::unique_lock<std::mutex>& lock, const std::stop_token& closing);
  void send_all(std::vector<ended_task>& ended);

  const node_header header_;
  const node_terms terms_;
  const fanout::shape shape_;
  const sender send_;
  batch_feed feed_;
  std::stop_source stop_;

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable_any changed_;
  std::vector<ended_task> ended_;
  bool over_ = false;

  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace fanout::detail
