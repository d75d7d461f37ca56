#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

/// \file
/// In which order many URLs of many hosts are fetched, so that no host gets more than it should.
namespace fanout::fetch {

/// Limits of a scheduler. 0 is no limit.
struct host_scheduler_options {
  std::uint32_t per_host = 0;              ///< fetches in flight for each host
  std::uint32_t per_address = 0;           ///< and for each address, which thousands of hosts may share
  std::chrono::nanoseconds host_delay{0};  ///< from the start of a fetch to the next one of its host, at least
  double host_rate = 0;                    ///< fetches a second for each host; up to 10 ms of them may be made up for
  double rate = 0;                         ///< fetches a second of all hosts, likewise
  std::size_t ready_hosts = 1'024;         ///< no more is read while so many hosts may be fetched from
  std::size_t host_memory = 4 * 1024;      ///< bytes of a host's queue in memory; the rest goes to disk
  std::size_t memory = 64 * 1024 * 1024;   ///< bytes of all queues in memory, and again for their ends on disk
  std::uint64_t disk = std::uint64_t{8} << 30;  ///< no more is read while so many bytes of queues are on disk
  /// Whether the input with this payload is not sent at all: no delay and no rate counts it. Empty: all are sent.
  std::function<bool(std::string_view host, std::string_view payload)> costs_nothing = {};
  bool hold_new = false;       ///< hosts have their turn once they are released
  std::string directory = {};  ///< for the file with queues; empty: $TMPDIR, or /tmp
};

/// Queues of inputs, one for each host, first in, first out; and the turn of hosts. A host has its turn when its delay
/// has passed, fewer of its fetches are in flight than may be, and its address has room; hosts whose turn it is are
/// served one after another. So a list sorted by host keeps all its hosts busy, in bounded memory: what a host has
/// queued beyond a few KiB is on disk.
///
/// It has no clock, no sockets and no thread. Who drives it says what time it is:
///
/// ```cpp
/// fetch::host_scheduler hosts({.per_host = 2, .host_delay = 1s});
/// for (;;) {
///   while (hosts.wants_more() && list.next(line)) hosts.add(host_of(line), line, number++);
///   const auto step = hosts.next(clock::now(), item);
///   if (step.taken) start(item);                       // and hosts.done(item) when it has ended
///   else if (hosts.empty() && list.ended()) break;
///   else wait_until(step.until);                       // or until something is done
/// }
/// ```
///
/// A host's state is dropped when nothing of it is queued or in flight and its delay has passed: `item::first` says
/// that a host is new, or new again, so that what it was told (`limit_host`, an address) can be told again.
///
/// Waits are counted in milliseconds: a host's turn comes up to one late, and never early.
///
/// Errors: `output_error` when queues cannot be written to disk or read from it; what was to be added is not. Thread
/// safety: none. Destroying it drops what is queued.
class host_scheduler {
 public:
  using clock = std::chrono::steady_clock;

  /// One input whose turn it is. Used again for the next one, it saves an allocation.
  struct item {
    std::uint64_t index = 0;
    std::string payload;  ///< as it was added
    std::string host;
    bool first = false;                ///< the host has just become known
    std::uint32_t host_in_flight = 0;  ///< of its host, this one included

   private:
    friend class host_scheduler;
    std::uint32_t host_id = 0;
    std::uint32_t address = 0;
  };

  struct step {
    bool taken = false;  ///< `next` has given an item
    /// Else: nothing has its turn before, unless something is added or done. It may be early. `time_point::max()`: time
    /// alone changes nothing.
    clock::time_point until = clock::time_point::max();
  };

  struct statistics_snapshot {
    std::uint64_t queued = 0;         ///< items
    std::uint64_t in_flight = 0;      ///< items
    std::uint64_t hosts = 0;          ///< known
    std::uint64_t ready = 0;          ///< hosts whose turn may have come
    std::uint64_t waiting = 0;        ///< hosts whose delay or pause has not passed
    std::uint64_t parked = 0;         ///< hosts whose address has no room
    std::uint64_t delayed = 0;        ///< items that are tried again later; among those that are queued
    std::uint64_t bytes_on_disk = 0;  ///< of queues
    std::uint64_t memory = 0;         ///< bytes
  };

  /// Hosts that have something queued and wait for their pause, or for the time of a retry.
  struct paused_hosts {
    std::uint64_t hosts = 0;
    clock::time_point latest{};  ///< when the last wait ends
    bool all = false;            ///< nothing else is queued
  };

  explicit host_scheduler(host_scheduler_options options = {});
  host_scheduler(host_scheduler&&) noexcept;
  host_scheduler& operator=(host_scheduler&&) noexcept;
  ~host_scheduler();

  /// Queues an input of a host. `host` is what limits count by: a name of 1 to 255 bytes, with its port if ports count.
  /// `index` is less than 2^48. The payload is any text: the URL, or an encoded request, of at most 8 MiB. Other sizes
  /// throw `std::length_error`.
  void add(std::string_view host, std::string_view payload, std::uint64_t index);

  /// Whether the list should be read on: too few hosts have their turn, and there is room on disk.
  bool wants_more() const noexcept;

  /// Takes an item whose turn it is. `now` never goes back.
  step next(clock::time_point now, item& into);

  /// An item has ended, whatever came of it: its host and its address have room for another one.
  void done(const item& ended);

  /// An item has ended, and is queued again in front of its host's at that time. It holds no room until then, and its
  /// host's other items have their turn. `payload` may be another one than it had.
  void retry(const item& ended, std::string_view payload, clock::time_point when);

  /// What next() gave was not sent, and is queued again, in front.
  void put_back(item& taken);

  /// \name Hosts that something has to be found out about first
  /// Nothing of a host that is held has its turn until it is released. With `hold_new` each host is held when it
  /// becomes known, and again when it was dropped and comes back.
  /// @{
  void hold(std::string_view host);
  /// Gives each host that is held once; false if there is no other.
  bool take_held(std::string& host);
  void release(std::string_view host);
  /// @}

  /// No more than so many items are in flight in total; 0: no limit.
  void limit_total(std::uint32_t in_flight) noexcept;

  /// While nothing is in flight: all that is queued has its turn, whatever it waits for. Delays, rates and what is held
  /// end for good: those who wait too long are given up.
  void stop_waiting();

  /// What next() gave goes to that address (any text that is the same for the same machine), which its host keeps.
  /// False: the address has no room; the item is queued again, in front, and its host waits for the address.
  bool admit(item& started, std::string_view address);

  /// No fetch of the host starts before `until`, as its server has asked for (Retry-After). Does nothing for a host
  /// that is not known.
  void pause(std::string_view host, clock::time_point until);

  /// The same for a host that is asked too fast; `paused` does not count it.
  void not_before(std::string_view host, clock::time_point when);

  /// Limits of one host instead of those of all (Crawl-delay, what adaptive concurrency has found), until its state is
  /// dropped. A delay of less than nothing leaves it as it is.
  void limit_host(std::string_view host, std::uint32_t per_host, std::chrono::nanoseconds delay);

  /// Nothing is queued or in flight.
  bool empty() const noexcept;
  statistics_snapshot statistics() const;
  /// Looks at every host.
  paused_hosts paused(clock::time_point now) const;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace fanout::fetch
