#include "http/pool/session_pool.hpp"

#include <fanout/base/saturated_time.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace fanout::http {
namespace {

// A connection returned this recently is taken without asking the system whether it still stands: the question costs
// a system call for each request, and its answer is no more certain than the server's last response.
constexpr std::chrono::milliseconds surely_alive{1};
// Servers that close after each response without saying so do it right behind the response. Who is quiet for this long
// keeps connections open.
constexpr std::chrono::milliseconds proves_to_stay{20};
// Streams that one connection is taken to have room for before its peer has said so.
constexpr std::size_t assumed_streams = 100;
// Hosts whose choice of a protocol is remembered. When there are more, all are asked again.
constexpr std::size_t most_remembered = 16 * 1024;
// After how many streams that went well a host that asked for calm is sent one more at a time.
constexpr std::size_t calm_streams = 64;
// Between two scans for what has expired.
constexpr std::chrono::milliseconds least_between_scans{10};

}  // namespace

session_pool::session_pool(asio::io_context& loop) : expiry_(loop, [this] { expire(); }) {}

inline stream_grant session_pool::grant_stream(session& of) noexcept {
  session_group& group = *of.group;
  if (of.streams++ == 0) {
    idle_.erase(idle_.iterator_to(of));
    --group.idle;
  }
  ++group.streams;
  if (of.streams >= of.most_streams && of.in_group.is_linked()) group.with_room.erase(group.with_room.iterator_to(of));
  return stream_grant(of);
}

// The end of a connection may be under way while the last response is still being read, and a look at the socket does
// not see it yet. So whoever cannot send twice waits for proof that this peer keeps sessions open.
bool session_pool::may_be_closing(session_group& group, clock::time_point now) noexcept {
  if (group.keeps_open) return false;
  session& oldest = group.with_room.back();
  group.keeps_open = oldest.streams == 0 && now - oldest.idle_since >= proves_to_stay && oldest.wire.is_quiet();
  return !group.keeps_open;
}

// A host that multiplexes has as many streams at a time as it would have connections otherwise.
bool session_pool::is_full(const session_group& group, std::size_t most) const noexcept {
  if (group.most_streams != 0 && group.streams + group.opening >= group.most_streams) return true;
  return most != 0 && (group.open >= most || group.streams + group.opening >= most);
}

bool session_pool::has_room(const session_group& group, const pool_limits& limits) const noexcept {
  return waiting_ == 0 && (limits.open == 0 || open_ < limits.open) &&
         (limits.open_per_group == 0 || group.open < limits.open_per_group);
}

stream_grant session_pool::take(pool_key_view key, clock::time_point now, std::chrono::milliseconds lifetime, reuse how,
                                const pool_limits& limits) {
  for (;;) {
    // Looked up again each time: closing the last session of a group removes the group.
    const auto found = groups_.find(key);
    if (found == groups_.end() || found->second.with_room.empty()) return {};
    session_group& group = found->second;
    session& latest = group.with_room.front();
    const auto age = now - latest.idle_since;
    if (latest.protocol && group.has == multiplexing::refused) {
      drain(latest);
      continue;
    }
    if (latest.protocol) {
      if ((limits.open_per_group != 0 && group.streams + group.opening >= limits.open_per_group) ||
          (group.most_streams != 0 && group.streams >= group.most_streams))
        return {};
      const bool stands = latest.streams > 0 || (now < detail::after(latest.idle_since, lifetime) &&
                                                 latest.most_streams > 0 && latest.protocol->stands());
      if (!stands)
        close_idle(latest);
      else if (latest.streams < latest.most_streams)  // which its peer may have changed right now
        return grant_stream(latest);
      continue;
    }
    if (latest.streams > 0) return grant_stream(latest);
    const bool alive =
        now < detail::after(latest.idle_since, lifetime) &&
        ((age < surely_alive && how == reuse::as_it_is && !latest.wire.socket.ended()) || latest.wire.is_quiet());
    if (alive && how == reuse::looked_at && may_be_closing(group, now) && has_room(group, limits)) return {};
    if (alive) return grant_stream(latest);
    close_idle(latest);
  }
}

void session_pool::put(stream_grant&& back, clock::time_point now, const pool_limits& allowed) {
  session& returned = *back;
  if (returned.retired) return back.reset();  // by another stream, or its peer
  if (session_group& group = *returned.group; group.most_streams != 0 && ++group.since_calm >= calm_streams) {
    ++group.most_streams;
    group.since_calm = 0;
  }
  returned.idle_since = now;
  returned.group->keeps_open |= returned.used;
  returned.used = true;
  if (waiting_ != 0 && hand_over(back)) return;
  session_group& group = *returned.group;
  if (returned.streams == 1) {
    if (allowed.idle == 0 || allowed.idle_per_group == 0) return back.reset();
    while (idle_.size() >= allowed.idle) close_oldest();
    if (group.idle >= allowed.idle_per_group) {
      auto oldest = group.with_room.rbegin();
      while (oldest->streams > 0) ++oldest;  // one that multiplexes and is in use
      close_idle(*oldest);
    }
    returned.idle_until = detail::after(now, allowed.lifetime);
    idle_.push_front(returned);
    ++group.idle;
    if (returned.idle_until < expiry_.set_for()) expiry_.set(returned.idle_until);
  }
  if (!returned.in_group.is_linked() && returned.streams <= std::max<std::size_t>(returned.most_streams, 1))
    group.with_room.push_front(returned);
  --returned.streams;
  --group.streams;
  back.session_ = nullptr;
}

// A stream ended in a way that leaves its session of no use.
void session_pool::retire(session& of) noexcept {
  session_group& group = *of.group;
  if (of.in_group.is_linked()) group.with_room.erase(group.with_room.iterator_to(of));
  if (of.used) group.keeps_open = false;
  of.retired = true;
  --group.streams;
  if (--of.streams == 0) return close(of);
  serve(group);
}

void session_pool::set_most_streams(session& of, std::size_t most) {
  of.most_streams = most;
  session_group* const group = of.group;
  if (!group || of.retired) return;
  const bool room = of.streams < most || of.streams == 0;
  if (room && !of.in_group.is_linked()) group->with_room.push_front(of);
  if (!room && of.in_group.is_linked()) group->with_room.erase(group->with_room.iterator_to(of));
  if (room) hand_out(*group);
}

void session_pool::drain(session& of) noexcept {
  session_group* const group = of.group;
  if (!group || of.retired) return;
  if (of.streams == 0) return close_idle(of);
  if (of.in_group.is_linked()) group->with_room.erase(group->with_room.iterator_to(of));
  of.retired = true;
}

void session_pool::refuse_multiplexing(session& of) {
  session_group* const group = of.group;
  if (!group) return;
  group->has = multiplexing::refused;
  remember(*group);
}

void session_pool::calm_down(session& of) noexcept {
  session_group* const group = of.group;
  if (!group) return;
  group->most_streams = std::max<std::size_t>(1, group->streams / 2);
  group->since_calm = 0;
}

void session_pool::remember(const session_group& group) {
  if (remembered_.size() >= most_remembered && remembered_.find(*group.key) == remembered_.end()) remembered_.clear();
  remembered_[*group.key] = group.has;
}

void session_pool::close_idle(session& gone) noexcept {
  session_group& group = *gone.group;
  group.with_room.erase(group.with_room.iterator_to(gone));
  idle_.erase(idle_.iterator_to(gone));
  --group.idle;
  close(gone);
}

void session_pool::close(session& gone) noexcept {
  session_group& group = *gone.group;
  std::unique_ptr<session>(&gone).reset();  // closed before somebody opens the next one
  --group.open;
  --open_;
  serve(group);
}

bool session_pool::close_oldest() noexcept {
  if (idle_.empty()) return false;
  close_idle(idle_.back());
  return true;
}

void session_pool::clear() noexcept {
  while (close_oldest()) {
  }
  expiry_.clear();
}

// Lifetimes are the clients', so the oldest is not always the first to go.
void session_pool::expire() {
  const auto now = clock::now();
  auto next = clock::time_point::max();
  for (auto each = idle_.begin(); each != idle_.end();) {
    session& old = *each++;
    if (old.idle_until > now) {
      next = std::min(next, old.idle_until);
      continue;
    }
    close_idle(old);
    if (waiting_ != 0) each = idle_.begin();  // whoever was served may have closed more
  }
  if (next != clock::time_point::max()) expiry_.set(std::max(next, now + least_between_scans));
}

session_group& session_pool::group_of(pool_key_view key) {
  auto found = groups_.find(key);
  if (found == groups_.end()) {
    found = groups_.try_emplace(pool_key{std::string(key.peer), key.tls, key.transport}).first;
    found->second.pool = this;
    found->second.key = &found->first;
    if (const auto known = remembered_.find(key); known != remembered_.end()) found->second.has = known->second;
  }
  return found->second;
}

void session_pool::drop_if_unused(session_group& group) noexcept {
  if (group.open == 0 && group.waiting.empty() && group.waiting_for_other.empty())
    groups_.erase(groups_.find(*group.key));
}

// First a permit of the host, then one of the loop: whoever waits for the second holds the first, and as those are
// given back by connections that are in use or idle, nobody waits for ever.
//
// Where a connection is under way that may turn out to have streams for many, others wait until it is known, as many as
// are likely to find room there: one round of handshakes. If it turns out to have none they all connect at once, and
// the host is not waited for any more.
void session_pool::join(connection_permit& who) {
  session_group& group = *who.group_;
  const bool may_share = who.limits_.may_multiplex && !who.only_new_ && !group.in_a_hurry &&
                         (group.has == multiplexing::unknown || group.has == multiplexing::chosen);
  if (may_share && group.waiting.empty() &&
      group.waiting_for_other.size() < group.opening_for_many * (assumed_streams - 1)) {
    who.state_ = connection_permit::state::waiting_for_other;
    group.waiting_for_other.push_back(who);
    ++waiting_;
    return;
  }
  enter_host_queue(who);
}

void session_pool::enter_host_queue(connection_permit& who) {
  session_group& group = *who.group_;
  const std::size_t most = who.limits_.open_per_group;
  if ((most != 0 || group.most_streams != 0) && (!group.waiting.empty() || is_full(group, most))) {
    who.state_ = connection_permit::state::waiting_for_host;
    group.waiting.push_back(who);
    ++waiting_;
    return;
  }
  ++group.open;
  ++group.opening;
  group.opening_for_many += who.limits_.may_multiplex;
  wait_for_any(who);
}

// Each asks anew: the first of them may be the next one that the rest waits for.
void session_pool::release_waiting_for_other(session_group& group) {
  permit_queue released;
  released.swap(group.waiting_for_other);
  waiting_ -= released.size();
  while (!released.empty()) {
    connection_permit& first = released.front();
    released.pop_front();
    join(first);
  }
}

// Streams of sessions that have room, to whoever waits for one.
void session_pool::hand_out(session_group& group) {
  while (waiting_ != 0 && !group.with_room.empty() && group.with_room.front().protocol) {
    session& with_room = group.with_room.front();
    permit_queue& queue = !group.waiting_for_other.empty() ? group.waiting_for_other : group.waiting;
    if (queue.empty() || with_room.streams >= with_room.most_streams) return;
    connection_permit& first = queue.front();
    const std::size_t most = first.limits_.open_per_group;
    const bool too_many =
        (most != 0 && group.streams >= most) || (group.most_streams != 0 && group.streams >= group.most_streams);
    if (first.only_new_ || too_many) return;
    stream_grant stream = grant_stream(with_room);
    queue.pop_front();
    --waiting_;
    hand_to(first, stream);
  }
}

bool session_pool::hand_to(connection_permit& who, stream_grant& stream) noexcept {
  who.state_ = connection_permit::state::handed;
  who.handed_ = std::move(stream);
  who.wake_.notify();
  return true;
}

void session_pool::wait_for_any(connection_permit& who) {
  const std::size_t most = who.limits_.open;
  if (most != 0 && waiting_for_any_.empty() && open_ >= most) close_oldest();
  if (most == 0 || (waiting_for_any_.empty() && open_ < most)) return grant(who);
  who.state_ = connection_permit::state::waiting_for_any;
  waiting_for_any_.push_back(who);
  ++waiting_;
}

void session_pool::grant(connection_permit& who) noexcept {
  ++open_;
  who.state_ = connection_permit::state::granted;
  who.wake_.notify();
}

void session_pool::leave(connection_permit& who) noexcept {
  session_group& group = *who.group_;
  switch (std::exchange(who.state_, connection_permit::state::spent)) {
    case connection_permit::state::waiting_for_host:
      group.waiting.erase(group.waiting.iterator_to(who));
      --waiting_;
      return drop_if_unused(group);
    case connection_permit::state::waiting_for_any:
      waiting_for_any_.erase(waiting_for_any_.iterator_to(who));
      --waiting_;
      return not_opened(who);
    case connection_permit::state::waiting_for_other:
      group.waiting_for_other.erase(group.waiting_for_other.iterator_to(who));
      --waiting_;
      return drop_if_unused(group);
    case connection_permit::state::granted:
      --open_;
      return not_opened(who);
    case connection_permit::state::handed: {
      const auto since = who.handed_->idle_since;
      return put(std::move(who.handed_), since, who.limits_);
    }
    case connection_permit::state::spent:
      return;
  }
}

// A permit that is counted was not used.
void session_pool::not_opened(connection_permit& who) noexcept {
  session_group& group = *who.group_;
  --group.open;
  --group.opening;
  group.opening_for_many -= who.limits_.may_multiplex;
  if (!group.waiting_for_other.empty()) {
    group.in_a_hurry = true;
    release_waiting_for_other(group);
  }
  serve(group);
}

// True when a permit took the stream, or the room that its session leaves. The oldest in the queues decides: if a
// connection to another host is what it waits for, this one is closed to make room.
bool session_pool::hand_over(stream_grant& back) {
  session_group& group = *back->group;
  permit_queue& of_host = group.waiting_for_other.empty() ? group.waiting : group.waiting_for_other;
  connection_permit* const here = of_host.empty() ? nullptr : &of_host.front();
  connection_permit* const any = waiting_for_any_.empty() ? nullptr : &waiting_for_any_.front();
  connection_permit* const first = !here ? any : !any || here->ticket_ < any->ticket_ ? here : any;
  if (!first) return false;
  const bool is_of_use =
      first->group_ == &group && !first->only_new_ && (first->how_ == reuse::as_it_is || back->wire.is_quiet());
  if (!is_of_use) {
    if (back->streams > 1) return false;  // others are using it
    back.reset();
    return true;
  }
  const bool held_permit = first == any;
  auto& queue = held_permit ? waiting_for_any_ : of_host;
  queue.pop_front();
  --waiting_;
  hand_to(*first, back);
  if (held_permit) {  // the session is counted already
    --group.open;
    --group.opening;
    group.opening_for_many -= first->limits_.may_multiplex;
    serve(group);
  }
  return true;
}

// Something of `group` was given back, and perhaps of the pool.
void session_pool::serve(session_group& group) noexcept {
  if (waiting_ == 0) return drop_if_unused(group);
  serve_any();
  hand_out(group);
  while (!group.waiting.empty()) {
    connection_permit& first = group.waiting.front();
    if (is_full(group, first.limits_.open_per_group)) break;
    group.waiting.pop_front();
    --waiting_;
    ++group.open;
    ++group.opening;
    group.opening_for_many += first.limits_.may_multiplex;
    wait_for_any(first);
  }
  drop_if_unused(group);
}

void session_pool::serve_any() noexcept {
  while (!waiting_for_any_.empty()) {
    connection_permit& first = waiting_for_any_.front();
    if (open_ >= first.limits_.open) break;
    waiting_for_any_.pop_front();
    --waiting_;
    grant(first);
  }
}

connection_permit::connection_permit(session_pool& pool, pool_key_view key, const pool_limits& limits, bool only_new,
                                     notifier& wake, reuse how)
    : pool_(pool),
      group_(&pool.group_of(key)),
      limits_(limits),
      wake_(wake),
      ticket_(pool.tickets_++),
      only_new_(only_new),
      how_(how) {
  pool.join(*this);
}

connection_permit::~connection_permit() {
  pool_.leave(*this);
}

stream_grant connection_permit::take_handed() noexcept {
  if (handed_) state_ = state::spent;
  return std::move(handed_);
}

multiplexing connection_permit::host_has() const noexcept {
  return group_->has;
}

stream_grant connection_permit::fill(std::unique_ptr<session> fresh) {
  assert(state_ == state::granted);
  session_group& group = *group_;
  state_ = state::spent;
  fresh->group = group_;
  fresh->streams = 1;
  ++group.streams;
  --group.opening;
  group.opening_for_many -= limits_.may_multiplex;
  if (fresh->most_streams > 1) group.with_room.push_front(*fresh);
  stream_grant first(*fresh.release());
  if (!limits_.may_multiplex) return first;
  const multiplexing has = first->protocol ? multiplexing::chosen : multiplexing::none;
  if (group.has != has && group.has != multiplexing::refused) {
    group.has = has;
    pool_.remember(group);
  }
  pool_.hand_out(group);
  // Those for whom there is no room, or no connection that they could share, open their own.
  if (!group.waiting_for_other.empty()) pool_.release_waiting_for_other(group);
  return first;
}

}  // namespace fanout::http
