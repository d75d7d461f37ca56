#include <fanout/core/detail/remote_job.hpp>
#include <fanout/process/nodes.hpp>

#include "process/node/node_peer.hpp"
#include "process/node/node_run.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace fanout {
namespace detail {

/// The nodes as a backend of runs.
class node_set final : public worker_backend {
 public:
  node_set(const node_options& how, std::vector<std::unique_ptr<node_link>> links) : how_(how) {
    peers_.reserve(links.size());
    for (auto& link : links)
      peers_.push_back(std::make_unique<node_peer>(std::move(link), static_cast<std::uint32_t>(peers_.size())));
  }

  void run(run_control& control, remote_job& job, const fanout::shape&, report& cost) override {
    node_run::carry_out(peers_, how_, control, job, cost);
  }
  const fanout::shape& shape() const noexcept { return how_.shape; }
  std::size_t alive() const {
    return static_cast<std::size_t>(
        std::count_if(peers_.begin(), peers_.end(), [](const auto& each) { return !each->lost(); }));
  }

 private:
  const node_options how_;
  std::vector<std::unique_ptr<node_peer>> peers_;
};

}  // namespace detail

nodes::nodes(const node_options& how, std::vector<std::unique_ptr<node_link>> links) {
  validate(how.shape);
  if (how.shape.model == model::automatic)
    throw std::invalid_argument("the shape auto is chosen while a run is under way, and nodes need one before");
  if (links.empty()) throw std::invalid_argument("a run on nodes needs one node at least");
  set_ = std::make_unique<detail::node_set>(how, std::move(links));
}

nodes::~nodes() = default;

options nodes::with(options how) {
  how.shape = set_->shape();
  how.backend = backend(*set_);
  return how;
}

std::size_t nodes::alive() const {
  return set_->alive();
}

}  // namespace fanout
