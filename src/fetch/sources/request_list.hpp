#pragma once

#include <fanout/fetch/record.hpp>
#include <fanout/fetch/settings.hpp>

#include <memory>
#include <optional>
#include <utility>

/// \file
/// What `request_source` reads requests from.
namespace fanout::fetch {

class sitemap_store;

/// Requests one after the other, read as far as they are asked for.
///
/// Thread safety: none.
class request_list {
 public:
  request_list() = default;
  request_list(const request_list&) = delete;
  request_list& operator=(const request_list&) = delete;
  virtual ~request_list() = default;

  /// The next one; it waits if it must. A method that the list does not give is left empty. `passthrough`: what else
  /// the list says of it comes in `request::extra`. Throws `std::runtime_error` that names the list.
  virtual std::optional<request> next(bool passthrough) = 0;
  /// The same into `place`, with the memory of an earlier one that may be there. False at the end.
  virtual bool next_into(std::optional<request>& place, bool passthrough) {
    auto given = next(passthrough);
    if (!given) return false;
    place = std::move(given);
    return true;
  }
  /// Passes over the next one; false at the end.
  virtual bool skip() { return next(false).has_value(); }
  /// Whether `next` would not wait.
  virtual bool ready() { return true; }
  /// How a list that is fetched is fetched.
  virtual void set_settings(const settings& how) { static_cast<void>(how); }
  /// Where a list keeps what it fetches, so that it is the same list when it is read again.
  virtual void set_store(std::shared_ptr<sitemap_store> store) { static_cast<void>(store); }
  /// A descriptor that becomes readable when `ready` may have become true; -1: it never waits.
  virtual int handle() const noexcept { return -1; }
};

}  // namespace fanout::fetch
