#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// The host of a URL, read as browsers read it (WHATWG URL section 3.5). What a list of addresses is checked against
/// and what a connection is made to must be the same thing, however the address is spelled.
namespace fanout::http {

/// A host, or why it is none.
struct parsed_host {
  std::string text = {};   ///< lower case, ASCII; an IPv4 address in dotted decimal
  std::string error = {};  ///< not empty: what is wrong, to follow "the URL cannot be fetched: "
};

/// Percent-decoded, and in other scripts than ASCII by UTS 46, non-transitional (so that "straße" stays what it is),
/// symbols included (so that "☃.net" is "xn--n3h.net"). How long a name may be is for name servers to say.
/// What ends in a number is an IPv4 address: "0x7f.1", "2130706433" and "017700000001" are all 127.0.0.1, and one that
/// is no address is refused.
parsed_host parse_host(std::string_view written);

/// The address of an IPv4 host in any of the spellings above; empty when the host is a malformed address.
std::optional<std::uint32_t> parse_ipv4(std::string_view host);

/// Whether the last label of `host` begins like a number, or is empty: only then can it be an address, or a name that
/// `parse_host` writes differently. Much cheaper than to find out.
bool may_be_ipv4(std::string_view host) noexcept;

/// Whether `host` is an IPv4 address in dotted decimal, as `parse_host` writes it.
bool is_dotted_decimal(std::string_view host) noexcept;

/// Whether `host`, as `parse_host` and `parse_ipv6` write it, is an address and not a name.
bool is_address(std::string_view host) noexcept;

/// A dot at its end makes a name absolute, and is no part of it (RFC 6066 section 3).
std::string_view without_trailing_dot(std::string_view name) noexcept;

/// An IPv6 address as the WHATWG URL standard writes it, in its shortest form and in hexadecimal; empty when `written`,
/// without brackets, is none.
std::string parse_ipv6(std::string_view written);

}  // namespace fanout::http
