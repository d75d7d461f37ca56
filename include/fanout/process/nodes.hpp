#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/saturated_time.hpp>
#include <fanout/core/options.hpp>
#include <fanout/core/shape.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// \file
/// Other machines. A *node* is this program, started elsewhere by somebody else (mpirun, an actor of Ray, ssh), that
/// takes batches of encoded inputs and returns batches of encoded outcomes. Under each node runs an ordinary local
/// shape, so blame, time limits and retries stay where the workers are. What carries the batches is not known here:
/// bytes in, bytes out.
///
///     // in the program that has the inputs, over whatever carries messages there and back:
///     std::vector<std::unique_ptr<fanout::node_link>> links = …;
///     fanout::nodes machines({.shape = fanout::parse_shape("2x1x16")}, std::move(links));
///     auto pages = fanout::map(machines.with(), fanout::remote<fetch>, urls);
///
///     // in each node, after fanout::init:
///     fanout::serve_node(my_channel);                    // returns when the program above is done with it
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

/// How runs use nodes.
struct node_options {
  /// Runs under each node; any but `automatic`. It is sent as text, so `hybrid` has as many loops as the node has
  /// cores.
  fanout::shape shape = threads(1);
  /// How often a task is tried again on another node when its own was lost. Nobody can know of a task that was sent
  /// whether it was begun, so with 0 each task of a lost node that has no outcome is `worker_died`, and no task is
  /// started twice. Tasks that were not sent yet go to other nodes in any case.
  std::uint32_t retries = 0;
  /// Work that is sent to a node beyond what it can have under way, for each of its places, so that it need not wait
  /// for a message. More where messages take longer; the last tasks of a run are dealt out in small batches all the
  /// same.
  any_duration<std::chrono::nanoseconds> ahead{std::chrono::milliseconds(20)};
  /// For a node to end its part of a run that was cancelled, or whose outcomes have all come; then it is given up. Zero
  /// or less for any time.
  any_duration<std::chrono::nanoseconds> end_timeout{std::chrono::seconds(30)};
  /// A node that takes part in a run and sends nothing for so long is given up: its machine stands still, or was cut
  /// off without an end of the link. A node sends a message four times as often, however long its tasks take, so this
  /// needs to be longer than the largest message takes on its way. Zero or less for any time; then only the link says
  /// that a node is lost.
  any_duration<std::chrono::nanoseconds> silence_timeout{std::chrono::minutes(5)};
};

namespace detail {
class node_set;
}

/// Nodes, as a place where runs run: in place of worker processes.
///
/// A node that is lost stays lost. Its tasks have exactly one outcome each: see `node_options::retries`. When none is
/// left, what was pulled gets its outcomes, `cannot_start` for tasks that were never sent, and the run throws
/// `fanout::error` of that kind if its source has not ended. A node that refuses a run, as another build of the program
/// does, takes no part in it and loses nothing; if all do, the run throws the reason.
///
/// Thread safety: all members may be called from any thread, and any number of runs may be under way, which share the
/// nodes. Destroying it ends the nodes; no run may be under way.
class nodes {
 public:
  /// Throws `std::invalid_argument` for no links, and for the shape `automatic`.
  nodes(const node_options& how, std::vector<std::unique_ptr<node_link>> links);
  nodes(const nodes&) = delete;
  nodes& operator=(const nodes&) = delete;
  ~nodes();

  /// `how` for a run on these nodes, which must outlive it: `fanout::run(machines.with(how), remote<f>, urls, sink)`.
  /// The shape is that of each node; all other options hold, but for `options::workers`: how a worker is started, where
  /// its output goes and what cores it has is the node's own affair, and `options::timeline` does not know when a
  /// coroutine held its thread.
  options with(options how = {});

  /// A node that came later. It takes part in all runs from now on, those under way among them: each gives it of what
  /// it has not sent yet. Its number follows those of the nodes before, lost ones among them. A run whose last node is
  /// lost does not wait for another one. Throws `std::invalid_argument` for no link.
  void add(std::unique_ptr<node_link> link);

  /// Nodes that are not lost.
  std::size_t alive() const;

 private:
  std::unique_ptr<detail::node_set> set_;
};

/// The node's end of what carries the messages.
///
/// Thread safety: one thread receives; `send` is called by any thread, by one at a time.
class node_channel {
 public:
  virtual ~node_channel() = default;
  /// Blocks until a message comes; empty when no more will.
  virtual std::optional<std::string> receive() = 0;
  /// Where the other end is gone it does nothing.
  virtual void send(std::string message) = 0;
};

/// Is a node: runs what comes, until no more will. Runs that are under way then are cancelled and awaited. Call
/// `fanout::init` first if the shape has worker processes.
///
/// Throws `fanout::error` of kind `protocol` for bytes that no engine sends. A message of another version or build is
/// answered by a refusal, and so is a function that this program does not have.
void serve_node(node_channel& engine);
/// Over two byte streams: the other end of `node_over`. Throws `std::system_error`, too.
void serve_node(detail::owned_descriptor from_engine, detail::owned_descriptor to_engine);

}  // namespace fanout
