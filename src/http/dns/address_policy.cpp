#include "http/dns/address_policy.hpp"

#include <array>
#include <cstdint>

namespace fanout::http {
namespace {

struct v4_range {
  std::uint32_t prefix;
  int bits;
  std::string_view what;
};

constexpr std::uint32_t v4(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr v4_range v4_ranges[] = {
    {v4(0, 0, 0, 0), 8, "unspecified or this network"},    // RFC 791 section 3.2
    {v4(10, 0, 0, 0), 8, "private"},                       // RFC 1918
    {v4(100, 64, 0, 0), 10, "shared by a carrier's NAT"},  // RFC 6598
    {v4(127, 0, 0, 0), 8, "loopback"},                     // RFC 1122 section 3.2.1.3
    {v4(169, 254, 0, 0), 16, "link-local"},                // RFC 3927
    {v4(172, 16, 0, 0), 12, "private"},                    // RFC 1918
    {v4(192, 0, 0, 0), 24, "reserved for protocols"},      // RFC 6890
    {v4(192, 0, 2, 0), 24, "for documentation"},           // RFC 5737
    {v4(192, 31, 196, 0), 24, "reserved for protocols"},   // RFC 7535
    {v4(192, 52, 193, 0), 24, "reserved for protocols"},   // RFC 7450
    {v4(192, 88, 99, 0), 24, "a relay to IPv6"},           // RFC 7526
    {v4(192, 168, 0, 0), 16, "private"},                   // RFC 1918
    {v4(192, 175, 48, 0), 24, "reserved for protocols"},   // RFC 7534
    {v4(198, 18, 0, 0), 15, "for benchmarks"},             // RFC 2544
    {v4(198, 51, 100, 0), 24, "for documentation"},        // RFC 5737
    {v4(203, 0, 113, 0), 24, "for documentation"},         // RFC 5737
    {v4(224, 0, 0, 0), 4, "multicast"},                    // RFC 1112
    {v4(240, 0, 0, 0), 4, "reserved or broadcast"},        // RFC 1112, RFC 919
};

struct v6_range {
  std::array<std::uint16_t, 6> prefix;
  int bits;
  std::string_view what;
};

constexpr v6_range v6_ranges[] = {
    {{0x64, 0xff9b}, 96, "an IPv4 address behind NAT64"},      // RFC 6052
    {{0x64, 0xff9b, 1}, 48, "an IPv4 address behind NAT64"},   // RFC 8215
    {{0, 0, 0, 0, 0, 0xffff}, 96, "an IPv4 address in IPv6"},  // RFC 4291 section 2.5.5.2
    {{0, 0, 0, 0, 0xffff}, 96, "an IPv4 address in IPv6"},     // RFC 2765
    {{0x100}, 64, "for discarding"},                           // RFC 6666
    {{0x2001}, 23, "reserved for protocols"},                  // RFC 2928; Teredo, ORCHID and others
    {{0x2001, 0xdb8}, 32, "for documentation"},                // RFC 3849
    {{0x2002}, 16, "an IPv4 address behind 6to4"},             // RFC 3056
    {{0x3fff}, 20, "for documentation"},                       // RFC 9637
    {{0x5f00}, 16, "for segment routing"},                     // RFC 9602
    {{0xfc00}, 7, "unique-local"},                             // RFC 4193
    {{0xfe80}, 10, "link-local"},                              // RFC 4291 section 2.5.6
    {{0xfec0}, 10, "site-local"},                              // RFC 3879
    {{0xff00}, 8, "multicast"},                                // RFC 4291 section 2.7
};

std::string_view judge_v4(std::uint32_t address) noexcept {
  for (const auto& range : v4_ranges)
    if ((address ^ range.prefix) >> (32 - range.bits) == 0) return range.what;
  return {};
}

bool is_in(const v6_range& range, const boost::asio::ip::address_v6::bytes_type& address) noexcept {
  for (int bit = 0; bit < range.bits; bit += 16) {
    const auto at = static_cast<std::size_t>(bit / 16);
    const int got = address[2 * at] << 8 | address[2 * at + 1];
    const int left = range.bits - bit;
    const int mask = left >= 16 ? 0xffff : 0xffff << (16 - left) & 0xffff;
    if (((got ^ range.prefix[at]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace

std::string_view why_not_public(const boost::asio::ip::address& address) noexcept {
  if (address.is_v4()) return judge_v4(address.to_v4().to_uint());
  const auto v6 = address.to_v6();
  if (v6.is_unspecified()) return "unspecified";
  if (v6.is_loopback()) return "loopback";
  const auto bytes = v6.to_bytes();
  for (const auto& range : v6_ranges)
    if (is_in(range, bytes)) return range.what;
  // Global unicast addresses are handed out of 2000::/3 only (RFC 4291 section 2.4 and IANA's registry).
  if (bytes[0] >> 5 != 1) return "reserved";
  return {};
}

}  // namespace fanout::http
