#include <fanout/core/detail/remote_job.hpp>
#include <fanout/process/nodes.hpp>

#include "process/node/node_peer.hpp"
#include "process/node/node_run.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fanout {
namespace detail {

/// The nodes as a backend of runs.
class node_set final : public worker_backend {
 public:
  explicit node_set(const node_options& how) : how_(how) {}

  void run(run_control& control, remote_job& job, const fanout::shape&, report& cost) override {
    node_run made(how_, control, job, cost);
    const membership listed(*this, made);
    made.carry_out(listed.nodes());
  }
  void add(std::unique_ptr<node_link> link) {
    const std::lock_guard lock(mutex_);
    const auto number = static_cast<std::uint32_t>(peers_.size());
    peers_.push_back(std::make_unique<node_peer>(std::move(link), number));
    for (node_run* const each : runs_) each->join({peers_.back().get(), number});
  }
  const fanout::shape& shape() const noexcept { return how_.shape; }
  std::size_t alive() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(peers_.begin(), peers_.end(), [](const auto& each) { return !each->lost(); }));
  }

 private:
  /// As long as it lives, the run learns of every node: of those there are here, of the others by `join`.
  class membership {
   public:
    membership(node_set& of, node_run& run) : of_(of), run_(run) {
      const std::lock_guard lock(of_.mutex_);
      for (const auto& each : of_.peers_) nodes_.push_back({each.get(), static_cast<std::uint32_t>(nodes_.size())});
      of_.runs_.push_back(&run_);
    }
    membership(const membership&) = delete;
    membership& operator=(const membership&) = delete;
    ~membership() {
      const std::lock_guard lock(of_.mutex_);
      std::erase(of_.runs_, &run_);
    }
    const std::vector<numbered_node>& nodes() const noexcept { return nodes_; }

   private:
    node_set& of_;
    node_run& run_;
    std::vector<numbered_node> nodes_;
  };

  const node_options how_;
  mutable std::mutex mutex_;                       ///< guards what follows; the nodes themselves stay where they are
  std::vector<std::unique_ptr<node_peer>> peers_;  ///< none is ever taken away
  std::vector<node_run*> runs_;                    ///< that are under way
};

}  // namespace detail

nodes::nodes(const node_options& how, std::vector<std::unique_ptr<node_link>> links) {
  validate(how.shape);
  if (how.shape.model == model::automatic)
    throw std::invalid_argument("the shape auto is chosen while a run is under way, and nodes need one before");
  if (links.empty()) throw std::invalid_argument("a run on nodes needs one node at least");
  if (std::any_of(links.begin(), links.end(), [](const auto& each) { return !each; }))
    throw std::invalid_argument("a node needs a link");
  set_ = std::make_unique<detail::node_set>(how);
  for (auto& each : links) set_->add(std::move(each));
}

nodes::~nodes() = default;

options nodes::with(options how) {
  how.shape = set_->shape();
  how.backend = backend(*set_);
  return how;
}

void nodes::add(std::unique_ptr<node_link> link) {
  if (!link) throw std::invalid_argument("a node needs a link");
  set_->add(std::move(link));
}

std::size_t nodes::alive() const {
  return set_->alive();
}

}  // namespace fanout
