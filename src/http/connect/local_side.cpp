#include "http/connect/local_side.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>

namespace fanout::http {

local_side::local_side(std::string_view written) {
  constexpr std::string_view device_mark = "if!";
  constexpr std::string_view host_mark = "host!";
  if (written.empty()) return;
  std::string_view name = written;
  const bool is_device = name.starts_with(device_mark);
  const bool is_host = name.starts_with(host_mark);
  name.remove_prefix(is_device ? device_mark.size() : is_host ? host_mark.size() : 0);
  boost::system::error_code none;
  const auto address = boost::asio::ip::make_address(std::string(name), none);
  if (!none && !is_device)
    address_ = address;
  else if (!is_host && !name.empty() && name.size() < IFNAMSIZ && name.find('\0') == name.npos)
    device_ = name;
  else
    throw error(
        failure_kind::invalid_request,
        fmt::format("'{}' is neither an address of this machine nor the name of a network device", printable(written)));
}

int local_side::bind(int descriptor, const boost::asio::ip::address& where) const noexcept {
  if (!device_.empty()) {
    const auto size = static_cast<socklen_t>(device_.size());
    return ::setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, device_.c_str(), size) == 0 ? 0 : errno;
  }
  if (!address_) return 0;
  if (address_->is_v6() != where.is_v6()) return EAFNOSUPPORT;
  const boost::asio::ip::tcp::endpoint from(*address_, 0);
  return ::bind(descriptor, from.data(), static_cast<socklen_t>(from.size())) == 0 ? 0 : errno;
}

}  // namespace fanout::http
