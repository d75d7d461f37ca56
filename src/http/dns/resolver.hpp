#pragma once

#include <fanout/base/deadline.hpp>

#include "http/dns/dns_cache.hpp"
#include "http/io/notifier.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <string_view>

/// \file
/// Host names to addresses, by c-ares on the event loop: no thread is ever started.
namespace fanout::http {

class resolver;
struct dns_query;

/// Whether a name is this machine's by definition, whatever /etc/hosts and name servers say: "localhost" and what is
/// below it (RFC 6761 section 6.3).
bool is_localhost(std::string_view host) noexcept;

/// One exchange's wait for the addresses of a host. Both families are asked at once, and answer on their own: whoever
/// waits is woken by each answer. Destroying it gives up: when nobody waits for any look-up the channel is stopped, so
/// that a name server that never answers keeps no loop running.
class lookup {
 public:
  /// `wake` is notified of each answer and must outlive the look-up.
  lookup(resolver& names, const std::string& host, notifier& wake);
  lookup(const lookup&) = delete;
  lookup& operator=(const lookup&) = delete;
  ~lookup();

  /// Whether this family's answer is there.
  bool answered(family kind) const noexcept { return half(kind).answer != nullptr; }
  bool done() const noexcept { return v4_.answer && v6_.answer; }
  /// The addresses that were found in this family; none before it answered.
  const address_list& addresses(family kind) const noexcept;
  /// Why there is no address at all; valid once done.
  std::string failure() const;

 private:
  friend class resolver;
  friend struct dns_query;
  struct one_family {
    std::shared_ptr<const dns_answer> answer;
    std::shared_ptr<dns_query> query;  ///< while there is no answer
  };
  const one_family& half(family kind) const noexcept { return kind == family::v4 ? v4_ : v6_; }
  void settle(family kind, std::shared_ptr<const dns_answer> answer) noexcept;

  resolver& names_;
  std::string host_;
  notifier& wake_;
  one_family v4_, v6_;
};

/// The name look-ups of one loop. Equal look-ups under way are one query; answers are kept for as long as their TTL
/// says, and that a name or an address does not exist for a short while. /etc/hosts and the settings of
/// /etc/resolv.conf count; localhost is this machine, and addresses are never looked up.
///
/// Thousands may be asked at once. Queries leave in bursts that a name server's socket can hold: one that is dropped
/// there is asked again only seconds later. At most 1,000 are under way, and fewer where the name server does not keep
/// up: a query that is answered SERVFAIL, or by nobody, is sent again twice, within a budget of its own, while what is
/// known not to exist is not asked for again.
///
/// Thread safety: none.
class resolver {
 public:
  resolver(asio::io_context& loop, deadline_list& deadlines);
  ~resolver();
  resolver(const resolver&) = delete;
  resolver& operator=(const resolver&) = delete;

  /// Asks these name servers, "address:port" separated by commas, instead of those of /etc/resolv.conf.
  /// Throws a `fanout::error` of kind `dns` when the list cannot be used.
  void use_servers(const std::string& servers);
  /// Reads this file instead of /etc/resolv.conf. To be called first: all else that was set is forgotten.
  void use_settings_file(const std::string& path);
  /// Reads names from this file instead of /etc/hosts.
  void use_hosts_file(const std::string& path);
  /// Look-ups that somebody waits for.
  std::size_t waiting() const noexcept;
  /// Queries that were sent and have no answer yet.
  std::size_t under_way() const noexcept;
  /// Ends all look-ups and closes every descriptor; nothing may be looked up afterwards.
  void shut_down() noexcept;

 private:
  friend class lookup;
  friend struct dns_query;
  struct impl;
  impl& channel();

  asio::io_context& loop_;
  deadline_list& deadlines_;
  std::unique_ptr<impl> impl_;  ///< made by the first look-up of a name
};

}  // namespace fanout::http
