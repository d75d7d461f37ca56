#include "process/node/node_peer.hpp"

#include <fanout/base/failure.hpp>

#include <utility>

namespace fanout::detail {

node_peer::node_peer(std::unique_ptr<node_link> link, std::uint32_t number) : link_(std::move(link)), number_(number) {
  link_->start(*this);
}

node_peer::~node_peer() {
  link_->end();
  link_->abandon();
}

bool node_peer::attach(std::uint64_t run, listener& to) {
  const std::lock_guard lock(mutex_);
  if (lost_) return false;
  listeners_.emplace(run, &to);
  return true;
}

void node_peer::detach(std::uint64_t run) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(run);
}

void node_peer::send(std::string message) {
  const std::lock_guard lock(sending_);
  link_->send(std::move(message));
}

void node_peer::lose(const std::string& why) {
  mark_lost(why);
  link_->abandon();
}

bool node_peer::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

std::string node_peer::reason() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

void node_peer::mark_lost(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(lost_, true)) return;
  why_ = why;
  for (const auto& [run, to] : listeners_)
    to->on_node_event({.node = number_, .lost = true, .at = outcome_facts::clock::now(), .text = why});
}

void node_peer::on_message(std::string message) {
  node_event event{.node = number_, .at = outcome_facts::clock::now(), .text = std::move(message)};
  try {
    std::string_view body = event.text;
    event.header = take_header(body);
    event.body_at = event.text.size() - body.size();
    // Why it refuses may be that it is another build.
    if (event.header.type != node_message::refused)
      if (const std::string why = mismatch(event.header, "node"); !why.empty())
        throw error(failure_kind::protocol, why);
  } catch (const error& why) {
    return mark_lost(why.what());
  }
  const std::lock_guard lock(mutex_);
  if (lost_) return;
  // A run that has ended leaves messages behind: those of a node that it did not wait for.
  if (const auto found = listeners_.find(event.header.run); found != listeners_.end())
    found->second->on_node_event(std::move(event));
}

}  // namespace fanout::detail
