#pragma once

#include <fanout/core/outcome.hpp>
#include <fanout/process/node_link.hpp>

#include "process/node/node_message.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace fanout::detail {

class node_peer;

/// What a run learns of a node: a message that is for the run, that the node is lost, or that it is new.
struct node_event {
  std::uint32_t node = 0;
  node_peer* joined = nullptr;  ///< the node, if it is new; then nothing else is said of it
  bool lost = false;
  outcome_facts::clock::time_point at{};  ///< when it came
  node_header header{};
  std::string text = {};    ///< the message, or why it is lost
  std::size_t body_at = 0;  ///< where the message goes on after its header

  std::string_view body() const noexcept { return std::string_view(text).substr(body_at); }
};

/// The engine's end of one node, which the runs share.
///
/// Thread safety: all members may be called from any thread.
class node_peer final : private node_receiver {
 public:
  /// Receives the events of a run. Called on the link's threads; must not block.
  class listener {
   public:
    virtual void on_node_event(node_event event) = 0;

   protected:
    ~listener() = default;
  };

  node_peer(std::unique_ptr<node_link> link, std::uint32_t number);
  node_peer(const node_peer&) = delete;
  node_peer& operator=(const node_peer&) = delete;
  /// Ends the node's input, and gives it up.
  ~node_peer();

  /// From now on `to` is called for the run. False, and it is not, where the node is lost.
  bool attach(std::uint64_t run, listener& to);
  /// When this has returned, the listener is not called again.
  void detach(std::uint64_t run);
  void send(std::string message);
  /// Gives the node up, and calls every listener with that. Not to be called by a listener.
  void lose(const std::string& why);
  bool lost() const;
  /// Why it is lost.
  std::string reason() const;

 private:
  void on_message(std::string message) override;
  void on_end(std::string why) override { mark_lost(why); }
  void mark_lost(const std::string& why);

  const std::unique_ptr<node_link> link_;
  const std::uint32_t number_;
  std::mutex sending_;
  mutable std::mutex mutex_;  ///< guards what follows, and is held while listeners are called
  std::map<std::uint64_t, listener*> listeners_;
  bool lost_ = false;
  std::string why_;
};

}  // namespace fanout::detail
