#include <fanout/fetch/host_scheduler.hpp>

#include "fetch/schedule/address_table.hpp"
#include "fetch/schedule/delayed_items.hpp"
#include "fetch/schedule/host_queues.hpp"
#include "fetch/schedule/host_table.hpp"
#include "fetch/schedule/timing_wheel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace fanout::fetch {
namespace {

using place = host_record::place;

constexpr std::int64_t ns_per_tick = 1'000'000;
constexpr std::int64_t made_up_for_ns = 10'000'000;  ///< how far a rate may lag behind

std::int64_t interval_of(double rate) {
  return rate > 0 ? std::max<std::int64_t>(1, std::llround(1e9 / rate)) : 0;
}

}  // namespace

class host_scheduler::implementation {
 public:
  explicit implementation(host_scheduler_options options)
      : how_(std::move(options)),
        host_interval_(interval_of(how_.host_rate)),
        interval_(interval_of(how_.rate)),
        queues_(how_.host_memory, how_.memory, how_.directory) {}

  void add(std::string_view name, std::string_view payload, std::uint64_t index) {
    if (index >> 48 != 0) throw std::length_error(fmt::format("an index is less than 2^48, and this one is {}", index));
    const auto id = known(name);
    host_record& host = hosts_[id];
    try {
      queues_.push(host, index, payload);
    } catch (...) {
      if (host.where == place::nowhere && host.in_flight == 0 && !host_queues::any(host)) {
        if (held_.erase(id) != 0) std::erase(to_tell_, id);
        drop(id);
      }
      throw;
    }
    ++queued_;
    if (host.where == place::nowhere) settle(id);
  }

  bool wants_more() const noexcept {
    return ready_count_ + held_.size() < how_.ready_hosts && queues_.on_disk() < how_.disk &&
           delayed_.memory() <= how_.memory;
  }

  step next(clock::time_point now, item& into) {
    if (!started_) {
      started_ = true;
      start_ = now;
    }
    now_ns_ = (now - start_).count();
    turn_wheel();
    take_back_due();
    if (total_limit_ != 0 && in_flight_ >= total_limit_) return {false, clock::time_point::max()};  // done() comes
    const bool rate_allows = interval_ == 0 || next_of_all_ <= now_ns_;
    while (rate_allows && !ready_.empty()) {
      const auto id = ready_.pop_front(links());
      --ready_count_;
      host_record& host = hosts_[id];
      host.where = place::nowhere;
      if (!may_start(id, host)) continue;
      give(id, host, into);
      return {true, now};
    }
    return {false, time_of_next(rate_allows)};
  }

  void done(const item& ended) {
    --in_flight_;
    leave_address(ended.address);
    const auto id = ended.host_id;
    host_record& host = hosts_[id];
    --host.in_flight;
    if (host.where == place::nowhere) settle(id);
  }

  void retry(const item& ended, std::string_view payload, clock::time_point when) {
    delayed_.push(
        {(when - start_).count(), ended.index, std::string(hosts_.name(ended.host_id)), std::string(payload)});
    ++queued_;
    done(ended);
  }

  void put_back(item& taken) {
    host_record& host = hosts_[taken.host_id];
    put_back(taken, host);
  }

  void hold(std::string_view name) {
    const auto id = hosts_.find(name);
    if (id != 0) hold_host(id);  // which comes to where it stays when it would have its turn
  }
  bool take_held(std::string& into) {
    if (to_tell_.empty()) return false;
    into.assign(hosts_.name(to_tell_.front()));
    to_tell_.pop_front();
    return true;
  }
  void release(std::string_view name) {
    const auto id = hosts_.find(name);
    if (id == 0 || held_.erase(id) == 0) return;
    std::erase(to_tell_, id);
    if (hosts_[id].where == place::held) hosts_[id].where = place::nowhere;
    if (hosts_[id].where == place::nowhere) settle(id);
  }

  bool admit(item& started, std::string_view name) {
    const auto address = addresses_.find_or_add(name);
    host_record& host = hosts_[started.host_id];
    if (host.address != address) {
      const auto before = host.address;
      // A host that waits for its old address no longer has a reason to.
      if (host.where == place::parked) unpark(started.host_id, host);
      host.address = address;
      ++addresses_[address].hosts;
      if (before != 0) {
        --addresses_[before].hosts;
        wake_one(before);  // the turn that this host may have been given there
        addresses_.release(before);
      }
    }
    if (started.address == address) return true;
    if (how_.per_address == 0 || addresses_[address].in_flight < how_.per_address) {
      leave_address(started.address);
      started.address = address;
      ++addresses_[address].in_flight;
      return true;
    }
    put_back(started, host);
    return false;
  }

  void pause(std::string_view name, clock::time_point until) {
    const auto id = hosts_.find(name);
    if (id == 0 || !started_) return;
    const std::int64_t until_ns = (until - start_).count();
    if (until_ns <= now_ns_) return;
    // In whatever list it is: a host that comes out before its time goes back to the wheel.
    hosts_[id].next_start_ns = std::max(hosts_[id].next_start_ns, until_ns);
    auto& pause = pauses_[id];
    pause = std::max(pause, until_ns);
  }

  void not_before(std::string_view name, clock::time_point when) {
    const auto id = hosts_.find(name);
    if (id != 0 && started_) hosts_[id].next_start_ns = std::max(hosts_[id].next_start_ns, (when - start_).count());
  }

  void limit_total(std::uint32_t in_flight) noexcept { total_limit_ = in_flight; }

  /// As everything waits for its time, and shall wait no longer: nothing is in flight.
  void stop_waiting() {
    how_.host_delay = {};
    host_interval_ = interval_ = 0;
    while (!delayed_.empty()) take_back(delayed_.pop());
    std::vector<std::uint32_t> waiting;
    hosts_.for_each([&](std::uint32_t id, const host_record& host) {
      if (host.where == place::waiting) waiting.push_back(id);
    });
    wheel_ = {};
    hosts_.for_each([&](std::uint32_t id, const host_record&) {
      hosts_[id].next_start_ns = 0;
      hosts_[id].delay_ns = 0;
    });
    for (const auto id : held_)
      if (hosts_[id].where == place::held) waiting.push_back(id);
    held_.clear();
    pauses_.clear();
    to_tell_.clear();
    how_.hold_new = false;
    for (const auto id : waiting) {
      hosts_[id].where = place::nowhere;
      settle(id);
    }
  }

  void limit_host(std::string_view name, std::uint32_t per_host, std::chrono::nanoseconds delay) {
    const auto id = hosts_.find(name);
    if (id == 0) return;
    host_record& host = hosts_[id];
    host.limit = per_host;
    if (delay.count() >= 0) host.delay_ns = delay.count();
    if (host.where == place::nowhere) settle(id);
  }

  bool empty() const noexcept { return queued_ == 0 && in_flight_ == 0; }

  statistics_snapshot statistics() const {
    statistics_snapshot now;
    now.queued = queued_;
    now.in_flight = in_flight_;
    now.hosts = hosts_.size();
    now.ready = ready_count_;
    now.waiting = wheel_.size();
    now.parked = parked_count_;
    now.delayed = delayed_.size();
    now.bytes_on_disk = queues_.on_disk();
    now.memory = hosts_.memory() + queues_.memory() + delayed_.memory();
    return now;
  }

  paused_hosts paused(clock::time_point now) const {
    paused_hosts result;
    if (!started_) return result;
    const std::int64_t now_ns = (now - start_).count();
    std::int64_t latest = 0;
    std::unordered_set<std::string_view> waiting;
    result.all = true;
    hosts_.for_each([&](std::uint32_t id, const host_record& host) {
      if (!host_queues::any(host)) return;
      const auto pause = pauses_.find(id);
      if (pause == pauses_.end() || pause->second <= now_ns) {
        result.all = false;
        return;
      }
      waiting.insert(hosts_.name(id));
      latest = std::max(latest, pause->second);
    });
    for (const auto& each : delayed_.all()) {
      waiting.insert(each.host);
      latest = std::max(latest, each.due_ns);
    }
    result.hosts = waiting.size();
    if (result.hosts > 0) result.latest = start_ + std::chrono::nanoseconds(latest);
    return result;
  }

 private:
  struct link_of_host {
    host_table& hosts;
    std::uint32_t& operator()(std::uint32_t id) const noexcept { return hosts[id].link; }
  };
  link_of_host links() noexcept { return {hosts_}; }
  static std::uint64_t tick_of(std::int64_t ns) {  // not early: rounded up
    return ns <= 0 ? 0 : static_cast<std::uint64_t>((ns + ns_per_tick - 1) / ns_per_tick);
  }

  bool is_full(const host_record& host) const noexcept { return host.limit != 0 && host.in_flight >= host.limit; }
  bool address_full(const host_record& host) {
    return how_.per_address != 0 && host.address != 0 && addresses_[host.address].in_flight >= how_.per_address;
  }

  void turn_wheel() {
    id_list due;
    wheel_.advance(static_cast<std::uint64_t>(now_ns_ / ns_per_tick), due, links(),
                   [this](std::uint32_t id) { return tick_of(hosts_[id].next_start_ns); });
    while (!due.empty()) {
      const auto id = due.pop_front(links());
      hosts_[id].where = place::nowhere;
      settle(id);
    }
  }

  void take_back_due() {
    while (!delayed_.empty() && delayed_.next_due() <= now_ns_) take_back(delayed_.pop());
  }
  /// Before what its host has queued: it was there first.
  void take_back(delayed_items::delayed due) {
    const auto id = known(due.host);
    queues_.push_front(hosts_[id], due.index, due.payload);
    if (hosts_[id].where == place::nowhere) settle(id);
  }
  /// The host of that name, made if it is not known.
  std::uint32_t known(std::string_view name) {
    const std::size_t hosts = hosts_.size();
    const auto id = hosts_.find_or_add(name);
    if (hosts_.size() > hosts) {
      hosts_[id].limit = how_.per_host;
      hosts_[id].delay_ns = how_.host_delay.count();
      if (how_.hold_new) hold_host(id);
    }
    return id;
  }
  void hold_host(std::uint32_t id) {
    if (held_.insert(id).second) to_tell_.push_back(id);
  }

  /// Puts a host that is nowhere where it belongs.
  void settle(std::uint32_t id) {
    host_record& host = hosts_[id];
    if (!held_.empty() && held_.contains(id)) {
      host.where = place::held;
      return;
    }
    if (is_full(host)) return;  // done() or limit_host() comes
    const bool queued = host_queues::any(host);
    if (!queued && host.in_flight != 0) return;
    if (host.next_start_ns > now_ns_) {
      host.where = place::waiting;
      wheel_.insert(id, tick_of(host.next_start_ns), links());
    } else if (queued) {
      make_ready(id, host);
    } else {
      drop(id);
    }
  }
  void make_ready(std::uint32_t id, host_record& host) {
    host.where = place::ready;
    // Its turn comes when others have had theirs: until then what it needs has come from memory.
    __builtin_prefetch(hosts_.name(id).data());
    queues_.prefetch(host);
    ready_.push_back(id, links());
    ++ready_count_;
  }
  void drop(std::uint32_t id) {
    if (const auto address = hosts_[id].address; address != 0) {
      --addresses_[address].hosts;
      addresses_.release(address);
    }
    pauses_.erase(id);
    hosts_.remove(id);
  }

  /// Of a host that was ready and is nowhere now. If not, it is put where it belongs.
  bool may_start(std::uint32_t id, host_record& host) {
    if (is_full(host) || host.next_start_ns > now_ns_ || held_.contains(id)) {  // limited, paused or held since
      wake_one(host.address);  // which may have been waiting for this one's turn
      settle(id);
      return false;
    }
    if (address_full(host)) {
      host.where = place::parked;
      addresses_[host.address].parked.push_back(id, links());
      ++parked_count_;
      return false;
    }
    return true;
  }

  void give(std::uint32_t id, host_record& host, item& into) {
    try {
      queues_.pop(host, into.index, into.payload);
    } catch (...) {
      settle(id);
      throw;
    }
    into.host.assign(hosts_.name(id));
    into.first = !host.picked;
    into.host_id = id;
    into.address = host.address;
    host.picked = true;
    into.host_in_flight = ++host.in_flight;
    ++in_flight_;
    --queued_;
    if (into.address != 0) ++addresses_[into.address].in_flight;
    if (how_.costs_nothing && how_.costs_nothing(into.host, into.payload)) return settle(id);
    if (interval_ != 0) next_of_all_ = std::max(next_of_all_, now_ns_ - made_up_for_ns) + interval_;
    std::int64_t next = host.delay_ns > 0 ? now_ns_ + host.delay_ns : 0;
    if (host_interval_ != 0)
      next = std::max(next, std::max(host.next_start_ns, now_ns_ - made_up_for_ns) + host_interval_);
    host.next_start_ns = next;
    settle(id);
  }

  void leave_address(std::uint32_t id) {
    if (id == 0) return;
    --addresses_[id].in_flight;
    wake_one(id);
    addresses_.release(id);
  }
  /// Gives the turn at an address to the next host that can take it. One too many is parked again when its turn comes.
  void wake_one(std::uint32_t address) {
    if (address == 0) return;
    for (id_list& parked = addresses_[address].parked; !parked.empty();) {
      const auto id = parked.pop_front(links());
      --parked_count_;
      hosts_[id].where = place::nowhere;
      settle(id);
      if (hosts_[id].where == place::ready) return;
    }
  }
  /// Takes a host out of the middle of its address's queue, and settles it.
  void unpark(std::uint32_t id, host_record& host) {
    id_list& parked = addresses_[host.address].parked;
    id_list kept;
    while (!parked.empty()) {
      const auto other = parked.pop_front(links());
      if (other != id) kept.push_back(other, links());
    }
    parked = kept;
    --parked_count_;
    host.where = place::nowhere;
    settle(id);
  }

  void put_back(item& started, host_record& host) {
    const auto id = started.host_id;
    leave_address(started.address);
    queues_.push_front(host, started.index, started.payload);
    --host.in_flight;
    --in_flight_;
    ++queued_;
    started.address = 0;
    if (host.where == place::nowhere) settle(id);
  }

  clock::time_point time_of_next(bool rate_allows) const {
    std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
    if (!rate_allows && ready_count_ > 0) earliest = next_of_all_;
    if (const auto tick = wheel_.next_event(); tick != timing_wheel::never)
      earliest = std::min(earliest, static_cast<std::int64_t>(tick) * ns_per_tick);
    if (!delayed_.empty()) earliest = std::min(earliest, delayed_.next_due());
    if (earliest == std::numeric_limits<std::int64_t>::max()) return clock::time_point::max();
    return start_ + std::chrono::nanoseconds(earliest);
  }

  host_scheduler_options how_;
  std::int64_t host_interval_;  ///< ns
  std::int64_t interval_;       ///< ns, of all hosts
  std::int64_t next_of_all_ = 0;
  bool started_ = false;
  clock::time_point start_{};
  std::int64_t now_ns_ = 0;  ///< since `start_`
  host_table hosts_;
  host_queues queues_;
  delayed_items delayed_;
  std::unordered_map<std::uint32_t, std::int64_t> pauses_;  ///< of hosts, until when
  std::unordered_set<std::uint32_t> held_;                  ///< hosts
  std::deque<std::uint32_t> to_tell_;                       ///< those of them that `take_held` has not given
  address_table addresses_;
  timing_wheel wheel_;
  id_list ready_;
  std::size_t ready_count_ = 0;
  std::size_t parked_count_ = 0;
  std::uint64_t queued_ = 0;
  std::uint64_t in_flight_ = 0;
  std::uint32_t total_limit_ = 0;
};

host_scheduler::host_scheduler(host_scheduler_options options)
    : implementation_(std::make_unique<implementation>(std::move(options))) {}
host_scheduler::host_scheduler(host_scheduler&&) noexcept = default;
host_scheduler& host_scheduler::operator=(host_scheduler&&) noexcept = default;
host_scheduler::~host_scheduler() = default;

void host_scheduler::add(std::string_view host, std::string_view payload, std::uint64_t index) {
  implementation_->add(host, payload, index);
}
bool host_scheduler::wants_more() const noexcept {
  return implementation_->wants_more();
}
host_scheduler::step host_scheduler::next(clock::time_point now, item& into) {
  return implementation_->next(now, into);
}
void host_scheduler::done(const item& ended) {
  implementation_->done(ended);
}
void host_scheduler::retry(const item& ended, std::string_view payload, clock::time_point when) {
  implementation_->retry(ended, payload, when);
}
void host_scheduler::put_back(item& taken) {
  implementation_->put_back(taken);
}
void host_scheduler::hold(std::string_view host) {
  implementation_->hold(host);
}
bool host_scheduler::take_held(std::string& host) {
  return implementation_->take_held(host);
}
void host_scheduler::release(std::string_view host) {
  implementation_->release(host);
}
void host_scheduler::limit_total(std::uint32_t in_flight) noexcept {
  implementation_->limit_total(in_flight);
}
void host_scheduler::stop_waiting() {
  implementation_->stop_waiting();
}
bool host_scheduler::admit(item& started, std::string_view address) {
  return implementation_->admit(started, address);
}
void host_scheduler::pause(std::string_view host, clock::time_point until) {
  implementation_->pause(host, until);
}
void host_scheduler::not_before(std::string_view host, clock::time_point when) {
  implementation_->not_before(host, when);
}
void host_scheduler::limit_host(std::string_view host, std::uint32_t per_host, std::chrono::nanoseconds delay) {
  implementation_->limit_host(host, per_host, delay);
}
bool host_scheduler::empty() const noexcept {
  return implementation_->empty();
}
host_scheduler::statistics_snapshot host_scheduler::statistics() const {
  return implementation_->statistics();
}
host_scheduler::paused_hosts host_scheduler::paused(clock::time_point now) const {
  return implementation_->paused(now);
}

}  // namespace fanout::fetch
