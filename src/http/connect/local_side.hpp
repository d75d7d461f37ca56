#pragma once

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <string_view>

/// \file
/// The side of a connection that is on this machine.
namespace fanout::http {

/// What a socket is bound to before it connects: an address of this machine, or one of its network devices. Written as
/// curl's --interface: "eth0", "192.0.2.1", and "if!eth0" or "host!192.0.2.1" to say which of both is meant. Host names
/// are not looked up.
///
/// Thread safety: never changes.
class local_side {
 public:
  /// Binds nothing.
  local_side() = default;
  /// Throws a `fanout::error` of kind `invalid_request` for what is neither an address nor can be a device's name.
  explicit local_side(std::string_view written);

  /// Binds `descriptor`, a socket that is to connect to `where`. Returns 0, or the errno that says why not.
  int bind(int descriptor, const boost::asio::ip::address& where) const noexcept;

 private:
  std::optional<boost::asio::ip::address> address_;
  std::string device_;
};

}  // namespace fanout::http
