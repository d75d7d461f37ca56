#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include <memory>
#include <string>

/// \file
/// What carries messages to a node and back (process/nodes.hpp).
namespace fanout {

/// Where a link puts what comes from its node. Thread safety: one thread at a time.
class node_receiver {
 public:
  /// One message, as the node sent it, in the order it sent them.
  virtual void on_message(std::string message) = 0;
  /// Once, last: the node has ended or is lost. `why` is for a human.
  virtual void on_end(std::string why) = 0;

 protected:
  ~node_receiver() = default;
};

/// The way to one node: carries whole messages, those of one direction in order. Users implement it for what they have;
/// `node_over` is one over a pair of descriptors.
///
/// It answers for the node's life: a node that is lost is lost when `on_end` says so. Destroying a link gives the node
/// up, as `abandon` does.
///
/// Thread safety: `send`, `end` and `abandon` are called by any thread, `send` and `end` by one at a time.
class node_link {
 public:
  virtual ~node_link() = default;
  /// Once, first. From now on `to` is called, on any thread of the link's, until `abandon` has returned. `to` must
  /// outlive it.
  virtual void start(node_receiver& to) = 0;
  /// Sends a message. Does not wait for the node: what the carrier does not take yet is kept, and is bounded, since
  /// only so much is ever under way. Does nothing where the node is lost.
  virtual void send(std::string message) = 0;
  /// Nothing more will be sent: the node's `receive` comes to its end.
  virtual void end() = 0;
  /// The node is given up, and killed where the carrier can. When this has returned, the receiver is not called again.
  /// May be called more than once, but not by the receiver.
  virtual void abandon() noexcept = 0;
};

/// A link over two byte streams: pipes, sockets, the ends of an ssh. Makes both non-blocking, which others who have
/// the same pipe see, and uses two threads. The node is lost when its stream ends. Throws `std::system_error`.
std::unique_ptr<node_link> node_over(detail::owned_descriptor from_node, detail::owned_descriptor to_node);

}  // namespace fanout
