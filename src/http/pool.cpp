#include "http/pool.hpp"

namespace fanout::http {
namespace {

// A connection returned this recently is taken without asking the system whether it still stands: the question costs
// a system call for each request, and its answer is no more certain than the server's last response.
constexpr std::chrono::milliseconds surely_alive{1};

}  // namespace

std::unique_ptr<connection> connection_pool::take(pool_key_view key, clock::time_point now,
                                                  std::chrono::milliseconds lifetime, bool check_always) {
  for (;;) {
    // Looked up again each time: discarding the last connection of a group removes the group.
    const auto found = groups_.find(key);
    if (found == groups_.end() || found->second.idle.empty()) return nullptr;
    auto latest = unlink(found->second.idle.front());
    const auto age = now - latest->idle_since;
    if (age < lifetime && ((age < surely_alive && !check_always) || latest->is_quiet())) return latest;
    discard(std::move(latest));
  }
}

void connection_pool::adopt(connection& fresh, pool_key_view key) {
  auto found = groups_.find(key);
  if (found == groups_.end()) {
    found = groups_.try_emplace(pool_key{std::string(key.origin), key.tls}).first;
    found->second.key = &found->first;
  }
  ++found->second.open;
  fresh.group = &found->second;
}

void connection_pool::put(std::unique_ptr<connection> back, clock::time_point now, const limits& allowed) {
  host_group& group = *back->group;
  if (allowed.idle == 0 || allowed.idle_per_group == 0) return discard(std::move(back));
  while (!all_.empty() && (all_.size() >= allowed.idle || now - all_.back().idle_since > allowed.lifetime)) {
    if (!close_oldest()) break;
  }
  if (group.idle.size() >= allowed.idle_per_group) discard(unlink(group.idle.back()));
  back->idle_since = now;
  back->idle = true;
  back->used = true;
  group.idle.push_front(*back);
  all_.push_front(*back);
  back.release();  // the lists hold it now
}

void connection_pool::discard(std::unique_ptr<connection> broken) noexcept {
  if (!broken || !broken->group) return;
  host_group& group = *broken->group;
  if (--group.open == 0) groups_.erase(groups_.find(*group.key));
}

bool connection_pool::close_oldest() noexcept {
  if (all_.empty()) return false;
  discard(unlink(all_.back()));
  return true;
}

void connection_pool::clear() noexcept {
  while (close_oldest()) {
  }
}

std::unique_ptr<connection> connection_pool::unlink(connection& idle) noexcept {
  idle.group->idle.erase(idle.group->idle.iterator_to(idle));
  all_.erase(all_.iterator_to(idle));
  idle.idle = false;
  return std::unique_ptr<connection>(&idle);
}

}  // namespace fanout::http
