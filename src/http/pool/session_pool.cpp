#include "http/pool/session_pool.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace fanout::http {
namespace {

// A connection returned this recently is taken without asking the system whether it still stands: the question costs
// a system call for each request, and its answer is no more certain than the server's last response.
constexpr std::chrono::milliseconds surely_alive{1};
// Between two scans for what has expired.
constexpr std::chrono::milliseconds least_between_scans{10};

}  // namespace

connection_pool::connection_pool(asio::io_context& loop) : expiry_(loop, [this] { expire(); }) {}

std::unique_ptr<connection> connection_pool::take(pool_key_view key, clock::time_point now,
                                                  std::chrono::milliseconds lifetime, bool check_always) {
  for (;;) {
    // Looked up again each time: discarding the last connection of a group removes the group.
    const auto found = groups_.find(key);
    if (found == groups_.end() || found->second.idle.empty()) return nullptr;
    auto latest = unlink(found->second.idle.front());
    const auto age = now - latest->idle_since;
    if (age < lifetime && ((age < surely_alive && !check_always && !latest->socket.ended()) || latest->is_quiet()))
      return latest;
    discard(std::move(latest));
  }
}

void connection_pool::put(std::unique_ptr<connection> back, clock::time_point now, const pool_limits& allowed) {
  back->idle_since = now;
  back->used = true;
  if (waiting_ != 0 && hand_over(back)) return;
  host_group& group = *back->group;
  if (allowed.idle == 0 || allowed.idle_per_group == 0) return discard(std::move(back));
  while (all_.size() >= allowed.idle) close_oldest();
  if (group.idle.size() >= allowed.idle_per_group) discard(unlink(group.idle.back()));
  back->idle_until = now + allowed.lifetime;
  back->idle = true;
  group.idle.push_front(*back);
  all_.push_front(*back);
  if (back->idle_until < expiry_.set_for()) expiry_.set(back->idle_until);
  back.release();  // the lists hold it now
}

void connection_pool::discard(std::unique_ptr<connection> broken) noexcept {
  if (!broken || !broken->group) return;
  host_group& group = *broken->group;
  broken.reset();  // closed before somebody opens the next one
  --group.open;
  --open_;
  serve(group);
}

bool connection_pool::close_oldest() noexcept {
  if (all_.empty()) return false;
  discard(unlink(all_.back()));
  return true;
}

void connection_pool::clear() noexcept {
  while (close_oldest()) {
  }
  expiry_.clear();
}

std::unique_ptr<connection> connection_pool::unlink(connection& idle) noexcept {
  idle.group->idle.erase(idle.group->idle.iterator_to(idle));
  all_.erase(all_.iterator_to(idle));
  idle.idle = false;
  return std::unique_ptr<connection>(&idle);
}

// Lifetimes are the clients', so the oldest is not always the first to go.
void connection_pool::expire() {
  const auto now = clock::now();
  auto next = clock::time_point::max();
  for (auto each = all_.begin(); each != all_.end();) {
    connection& idle = *each++;
    if (idle.idle_until > now) {
      next = std::min(next, idle.idle_until);
      continue;
    }
    discard(unlink(idle));
    if (waiting_ != 0) each = all_.begin();  // whoever was served may have closed more
  }
  if (next != clock::time_point::max()) expiry_.set(std::max(next, now + least_between_scans));
}

host_group& connection_pool::group_of(pool_key_view key) {
  auto found = groups_.find(key);
  if (found == groups_.end()) {
    found = groups_.try_emplace(pool_key{std::string(key.peer), key.tls, key.transport}).first;
    found->second.key = &found->first;
  }
  return found->second;
}

void connection_pool::drop_if_unused(host_group& group) noexcept {
  if (group.open == 0 && group.waiting.empty()) groups_.erase(groups_.find(*group.key));
}

// First a permit of the host, then one of the loop: whoever waits for the second holds the first, and as those are
// given back by connections that are in use or idle, nobody waits for ever.
void connection_pool::join(connection_permit& who) {
  host_group& group = *who.group_;
  const std::size_t most = who.limits_.open_per_group;
  if (most != 0 && (!group.waiting.empty() || group.open >= most)) {
    who.state_ = connection_permit::state::waiting_for_host;
    group.waiting.push_back(who);
    ++waiting_;
    return;
  }
  ++group.open;
  wait_for_any(who);
}

void connection_pool::wait_for_any(connection_permit& who) {
  const std::size_t most = who.limits_.open;
  if (most != 0 && waiting_for_any_.empty() && open_ >= most) close_oldest();
  if (most == 0 || (waiting_for_any_.empty() && open_ < most)) return grant(who);
  who.state_ = connection_permit::state::waiting_for_any;
  waiting_for_any_.push_back(who);
  ++waiting_;
}

void connection_pool::grant(connection_permit& who) noexcept {
  ++open_;
  who.state_ = connection_permit::state::granted;
  who.wake_.notify();
}

void connection_pool::leave(connection_permit& who) noexcept {
  host_group& group = *who.group_;
  switch (std::exchange(who.state_, connection_permit::state::spent)) {
    case connection_permit::state::waiting_for_host:
      group.waiting.erase(group.waiting.iterator_to(who));
      --waiting_;
      return drop_if_unused(group);
    case connection_permit::state::waiting_for_any:
      waiting_for_any_.erase(waiting_for_any_.iterator_to(who));
      --waiting_;
      --group.open;
      return serve(group);
    case connection_permit::state::granted:
      --open_;
      --group.open;
      return serve(group);
    case connection_permit::state::handed: {
      const auto since = who.handed_->idle_since;
      return put(std::move(who.handed_), since, who.limits_);
    }
    case connection_permit::state::spent:
      return;
  }
}

// True when a permit took the connection, or the room it leaves. The oldest in line decides: if a connection to another
// host is what it waits for, this one is closed to make room.
bool connection_pool::hand_over(std::unique_ptr<connection>& back) {
  host_group& group = *back->group;
  connection_permit* const here = group.waiting.empty() ? nullptr : &group.waiting.front();
  connection_permit* const any = waiting_for_any_.empty() ? nullptr : &waiting_for_any_.front();
  connection_permit* const first = !here ? any : !any || here->ticket_ < any->ticket_ ? here : any;
  if (!first) return false;
  if (first->group_ != &group || first->only_new_) {
    discard(std::move(back));
    return true;
  }
  const bool held_place = first == any;
  auto& line = held_place ? waiting_for_any_ : group.waiting;
  line.pop_front();
  --waiting_;
  first->state_ = connection_permit::state::handed;
  first->handed_ = std::move(back);
  first->wake_.notify();
  if (held_place) {  // the connection brings its own
    --group.open;
    serve(group);
  }
  return true;
}

// Something of `group` was given back, and perhaps of the pool.
void connection_pool::serve(host_group& group) noexcept {
  if (waiting_ == 0) return drop_if_unused(group);
  serve_any();
  while (!group.waiting.empty()) {
    connection_permit& first = group.waiting.front();
    if (group.open >= first.limits_.open_per_group) break;
    group.waiting.pop_front();
    --waiting_;
    ++group.open;
    wait_for_any(first);
  }
  drop_if_unused(group);
}

void connection_pool::serve_any() noexcept {
  while (!waiting_for_any_.empty()) {
    connection_permit& first = waiting_for_any_.front();
    if (open_ >= first.limits_.open) break;
    waiting_for_any_.pop_front();
    --waiting_;
    grant(first);
  }
}

connection_permit::connection_permit(connection_pool& pool, pool_key_view key, const pool_limits& limits, bool only_new,
                                     notifier& wake)
    : pool_(pool),
      group_(&pool.group_of(key)),
      limits_(limits),
      wake_(wake),
      ticket_(pool.tickets_++),
      only_new_(only_new) {
  pool.join(*this);
}

connection_permit::~connection_permit() {
  pool_.leave(*this);
}

std::unique_ptr<connection> connection_permit::take_handed() noexcept {
  if (handed_) state_ = state::spent;
  return std::move(handed_);
}

void connection_permit::fill(connection& fresh) noexcept {
  assert(state_ == state::granted);
  fresh.group = group_;
  state_ = state::spent;
}

}  // namespace fanout::http
