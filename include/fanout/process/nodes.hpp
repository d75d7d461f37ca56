#pragma once

#include <fanout/core/options.hpp>
#include <fanout/process/node_link.hpp>
#include <fanout/process/node_options.hpp>

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
