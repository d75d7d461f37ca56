#include "http/dns/address_order.hpp"

#include <algorithm>

namespace fanout::http {
namespace {

// RFC 6724 section 2.1, as far as it ranks below ::ffff:0:0/96.
bool yields_to_v4(const boost::asio::ip::address& address) {
  const auto bytes = address.to_v6().to_bytes();
  const auto word = [&](std::size_t at) { return bytes[2 * at] << 8 | bytes[2 * at + 1]; };
  const bool compatible =
      !address.is_loopback() && std::all_of(bytes.begin(), bytes.begin() + 12, [](auto byte) { return byte == 0; });
  return compatible || word(0) == 0x2002 || (word(0) == 0x2001 && word(1) == 0) || (word(0) & 0xfe00) == 0xfc00 ||
         (word(0) & 0xffc0) == 0xfec0 || word(0) == 0x3ffe;
}

}  // namespace

address_list in_turn(const address_list& v6, const address_list& v4) {
  address_list preferred, last, result;
  for (const auto& each : v6) (yields_to_v4(each) ? last : preferred).push_back(each);
  for (std::size_t i = 0; i < std::max(preferred.size(), v4.size()); ++i) {
    if (i < preferred.size()) result.push_back(preferred[i]);
    if (i < v4.size()) result.push_back(v4[i]);
  }
  result.insert(result.end(), last.begin(), last.end());
  return result;
}

}  // namespace fanout::http
