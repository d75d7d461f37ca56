#pragma once

#include <boost/asio/ip/address.hpp>

#include <string_view>

/// \file
/// Which addresses belong to the public internet.
namespace fanout::http {

/// Why `address` is not a public, globally reachable unicast address: "loopback", "private", "link-local" and so on;
/// empty for one that is. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4, Teredo) is never public:
/// whoever translates it may stand inside. The ranges are those of IANA's special-purpose registries (RFC 6890).
std::string_view why_not_public(const boost::asio::ip::address& address) noexcept;

}  // namespace fanout::http
