#include <fanout/fetch/shard.hpp>

#include "fetch/hash/siphash.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace fanout::fetch {

std::uint32_t shard_of(std::string_view host, std::uint32_t shards) {
  if (shards == 0) throw std::invalid_argument("a list is cut into 1 shard or more, not 0");
  std::string lower(host);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return static_cast<std::uint32_t>(siphash_64(lower, {}) % shards);
}

namespace {

constexpr auto usual_bytes = [] {
  std::array<bool, 256> usual{};
  for (unsigned char c = '0'; c <= '9'; ++c) usual[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) usual[c] = usual[static_cast<unsigned char>(c - 'a' + 'A')] = true;
  usual['.'] = usual['-'] = true;
  return usual;
}();

/// Of a URL whose host has letters and digits, and no user before it; empty for others.
std::string_view usual_host_in(std::string_view url) noexcept {
  const std::size_t begin = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : url.size();
  std::size_t end = begin;
  while (end < url.size() && usual_bytes[static_cast<unsigned char>(url[end])]) ++end;
  std::size_t port_end = end;
  if (port_end < url.size() && url[port_end] == ':') ++port_end;
  while (port_end < url.size() && url[port_end] >= '0' && url[port_end] <= '9') ++port_end;
  const bool ends = port_end == url.size() || url[port_end] == '/';
  return ends ? url.substr(begin, end - begin) : std::string_view();
}

}  // namespace

std::string_view host_in(std::string_view url) noexcept {
  if (const std::string_view usual = usual_host_in(url); !usual.empty()) return usual;
  if (const auto scheme = url.find("://"); scheme != url.npos) url.remove_prefix(scheme + 3);
  const char* const end = std::find_if(url.begin(), url.end(), [](char c) { return c == '/' || c == '?' || c == '#'; });
  url = url.substr(0, static_cast<std::size_t>(end - url.begin()));
  if (const auto user = url.rfind('@'); user != url.npos) url.remove_prefix(user + 1);
  const auto port = url.starts_with('[') ? std::min(url.find(']'), url.size() - 1) + 1 : url.find(':');
  return url.substr(0, port);
}

}  // namespace fanout::fetch
