#pragma once

#include "http/dns/dns_cache.hpp"

/// \file
namespace fanout::http {

/// The order in which to try addresses (RFC 8305 section 4): families in turn, IPv6 first, within a family as the name
/// server gave them. IPv6 addresses that RFC 6724's table prefers less than IPv4, such as unique-local ones and those
/// of Teredo, come last.
address_list in_turn(const address_list& v6, const address_list& v4);

}  // namespace fanout::http
