#pragma once

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// \file
/// Answers of name servers, for as long as they hold.
namespace fanout::http {

using address_list = std::vector<boost::asio::ip::address>;

/// An address family, as the type of its DNS records.
enum class family : unsigned char { v4 = 1, v6 = 28 };

/// What became of the look-up of one name in one family.
struct dns_answer {
  address_list addresses;
  int status = 0;  ///< of c-ares: why there are none
};

/// Keeps at most 16 Ki answers; when it is full, those out of date go, or else all. It asks no clock.
/// Thread safety: none.
class dns_cache {
 public:
  using time = std::chrono::steady_clock::time_point;

  /// Null when nothing is known at `now`.
  std::shared_ptr<const dns_answer> find(std::string_view host, family kind, time now);
  void keep(std::string_view host, family kind, std::shared_ptr<const dns_answer> answer, time until, time now);
  void clear() noexcept { entries_.clear(); }
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct entry {
    std::shared_ptr<const dns_answer> answer;
    time until;
  };
  static std::string key(std::string_view host, family kind);
  std::unordered_map<std::string, entry> entries_;
};

}  // namespace fanout::http
