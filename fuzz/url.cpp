#include <fanout/base/failure.hpp>
#include <fanout/http/url.hpp>

#include "check.hpp"
#include "http/message/host.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <string>

/// \file
/// A URL and, after the first line end, a reference found on its page. What is accepted can be sent, and means itself
/// when it is read again.
namespace {

using namespace fanout;
using fuzz::check;

bool sendable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

void check_url(const http::url& page) {
  check(!page.host().empty() && sendable(page.host()), "the host can be sent");
  check(page.target().starts_with('/') && sendable(page.target()), "the target can be sent");
  check(page.target().find('#') == std::string_view::npos, "a fragment is not sent");
  const std::string path = std::string(page.target().substr(0, page.target().find('?'))) + '/';
  check(path.find('\\') == path.npos, "a backslash in a path is a slash");
  check(path.find("/./") == path.npos && path.find("/../") == path.npos, "dot segments are removed");
  check(sendable(page.authority()), "the authority can be sent");
  check(page.port() != 0, "there is a port");
  // What the system would read as an address is written as one, so that a check of addresses sees it.
  in_addr address{};
  if (::inet_aton(std::string(page.host()).c_str(), &address) != 0)
    check(http::is_dotted_decimal(page.host()), "an IPv4 address is in dotted decimal");
  check(page.str() == std::string(page.scheme()) + "://" + std::string(page.authority()) + std::string(page.target()),
        "the URL is its parts");
  for (const char c : page.userinfo())
    check(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control in userinfo");

  const http::url again(page.str());
  check(again.str() == page.str(), "read again, it is the same");
  check(again.host() == page.host() && again.port() == page.port() && again.target() == page.target(), "in each part");
}

template <class Make>
std::optional<http::url> made(Make make) {
  try {
    return make();
  } catch (const error& refused) {
    check(refused.kind() == failure_kind::invalid_request, "a URL is refused as such");
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::text_of(data, size);
  const auto end = std::min(input.find('\n'), input.size());
  const auto page = made([&] { return http::url(input.substr(0, end)); });
  if (page) check_url(*page);
  if (end == input.size()) return 0;

  static const http::url fallback("http://host/a/b?c");
  const auto& base = page ? *page : fallback;
  const auto linked = made([&] { return base.resolve(input.substr(end + 1)); });
  if (linked) check_url(*linked);
  return 0;
}
