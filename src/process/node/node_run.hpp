#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/process/node_options.hpp>

#include "process/channel/run_inbox.hpp"
#include "process/node/node_peer.hpp"
#include "process/node/sent_batches.hpp"
#include "process/supervisor/task_time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fanout::detail {

/// A node and the number that runs know it by.
struct numbered_node {
  node_peer* peer = nullptr;
  std::uint32_t number = 0;
};

/// A run whose tasks nodes carry. It pulls, and hands outcomes to its sink, on the thread that called it; the links'
/// threads only drop events into its inbox.
///
/// How much a node is given: as many tasks as it can have under way, and on top what its places do in
/// `node_options::ahead`, by the measured time of its tasks. That is sent in batches of a quarter or more, so that tiny
/// tasks do not travel one by one. Tasks of more than that time are not sent ahead at all, and one node never has a
/// queue of them while another is idle. At the tail that is not enough for short ones: nodes differ, and each has
/// milliseconds of work. So once tasks are short, the run pulls half as much again as is sent ahead, and keeps it. When
/// the source has ended, this reserve is what is left, and nodes are given ever less ahead as it shrinks, to nothing:
/// a faster node gets more of it. (Rejected: to ask busy nodes to give tasks back, which takes two messages and, as the
/// node goes on meanwhile, comes too late for what it is for.)
class node_run final : private node_peer::listener {
 public:
  node_run(const node_options& how, run_control& control, remote_job& job, report& cost);
  ~node_run();

  /// Once. The nodes must outlive this.
  void carry_out(std::span<const numbered_node> nodes);
  /// A node that came later: it takes part, if the run is not about to end. Called by any thread, as long as this
  /// lives.
  void join(numbered_node node);

 private:
  using clock = outcome_facts::clock;
  enum class state { opening, ready, ended };
  struct member {
    node_peer* peer = nullptr;
    std::uint32_t number = 0;
    detail::node_run::state state = detail::node_run::state::opening;
    clock::time_point heard = clock::now();  ///< when its last message came
    node_places places{};
    std::uint32_t first_lane = 0;
    task_time time{};
    sent_batches sent{};
  };

  static constexpr std::uint64_t most_ahead = 32'768;
  static constexpr std::size_t most_bytes_ahead = 16U << 20;
  /// In one message; large inputs are sent one by one, so that they are not copied together.
  static constexpr std::uint32_t most_together = 8192;
  static constexpr std::size_t most_bytes_together = 64 * 1024;

  void open(std::span<const numbered_node> nodes);
  void open(numbered_node node, std::string message);
  std::string open_message();
  void loop();
  void end_without_nodes();

  // What comes
  void take_events();
  void act_on(const node_event& event);
  void take_ready(member& from, const node_event& event);
  void take_outcomes(member& from, const node_event& event);
  void deliver(member& from, const node_event& event, node_outcome& outcome);
  void take_done(member& from, const node_event& event);
  void part_with(member& from, const std::string& why, failure_kind kind);
  void fail(const sent_batches::open_task& task, std::uint32_t lane, failure reason);

  // What goes
  void fill();
  std::uint64_t ahead(const member& of) const;
  std::uint64_t room(const member& of) const;
  std::uint64_t wanted() const;
  bool pull(std::uint64_t most);
  void dispatch();
  void send(member& to, std::uint64_t most);
  void cancel();
  void finish();
  void send_to_open(node_message type);
  void give_up_late();
  void give_up_silent();
  void give_up(member& late, const std::string& why);
  std::optional<clock::time_point> next_deadline() const;

  // node_peer::listener
  void on_node_event(node_event event) override;
  void wait();
  bool all_ended() const;

  const node_options& how_;
  run_control& control_;
  remote_job& job_;
  report& cost_;
  node_header header_;
  std::vector<member> members_;
  std::string reasons_;  ///< why nodes are not there
  std::uint32_t lanes_ = 0;
  std::uint64_t under_way_ = 0;
  std::deque<input_batch> queue_;  ///< pulled, and not sent
  std::uint64_t queued_ = 0;       ///< inputs in it
  std::size_t queued_bytes_ = 0;
  std::uint32_t front_taken_ = 0;  ///< of the first in the queue
  bool source_waits_ = false;
  bool hungry_ = false;  ///< there is more to pull at once
  bool cancelled_ = false;
  bool finishing_ = false;
  std::optional<clock::time_point> give_up_at_;
  std::deque<node_event> taken_;
  run_inbox<node_event> inbox_;
};

}  // namespace fanout::detail
