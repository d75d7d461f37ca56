#include <fanout/base/failure.hpp>

#include "check.hpp"
#include "http/proxy/proxy_handshake.hpp"

#include <optional>
#include <string>
#include <utility>

/// \file
/// The first byte says which proxy ('1': SOCKS 5 instead of HTTP, '2': with a user), four more how to cut, the rest is
/// what it says. However it is cut, it connects or fails alike, and is told the same.
namespace {

using namespace fanout;
using fuzz::check;

struct outcome {
  bool failed = false;
  bool done = false;
  std::string told;
};

template <class Next>
outcome talk(bool socks, bool user, Next next) {
  static const http::proxy_server anonymous = http::parse_proxy("http://proxy.test:3128");
  static const http::proxy_server known = http::parse_proxy("http://user:password@proxy.test:3128");
  const auto& proxy = user ? known : anonymous;
  const auto handshake = socks ? http::make_socks5_handshake(proxy, "a.test", 443)
                               : http::make_http_connect_handshake(proxy, "a.test:443");
  outcome result;
  result.told = std::exchange(handshake->output(), {});
  check(!result.told.empty(), "the client speaks first");
  try {
    for (std::string_view piece; !(piece = next()).empty();) {
      handshake->put(piece);
      result.told += std::exchange(handshake->output(), {});
    }
  } catch (const error& thrown) {
    check(thrown.kind() == failure_kind::connect, "a proxy fails as a connection does");
    const std::string_view message = thrown.what();
    for (const char each : message) check(each >= 0x20 && each < 0x7f, "a message can be shown");
    result.failed = true;
  }
  result.done = handshake->done();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= 1 + fuzz::pieces::sizes) return 0;
  const bool socks = (data[0] & 1U) != 0;
  const bool user = (data[0] & 2U) != 0;
  fuzz::pieces cut(fuzz::text_of(data + 1, size - 1));
  std::string_view whole = cut.all();
  const auto at_once = talk(socks, user, [&] { return std::exchange(whole, {}); });
  const auto in_pieces = talk(socks, user, [&] { return cut.next(); });
  check(at_once.failed == in_pieces.failed, "whether it fails does not depend on the cut");
  if (at_once.failed) return 0;
  check(at_once.done == in_pieces.done, "nor whether it connects");
  check(at_once.told == in_pieces.told, "nor what the proxy is told");
  return 0;
}
