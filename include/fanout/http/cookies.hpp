#pragma once

#include <fanout/http/cookie.hpp>
#include <fanout/http/url.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Cookies (RFC 6265bis), with the public suffix list.
namespace fanout::http {

struct cookie_limits {
  std::size_t cookies = 3000;       ///< in the jar; the ones unused for longest go first
  std::size_t per_domain = 180;     ///< below one registrable domain ("example.co.uk")
  std::size_t cookie_bytes = 4096;  ///< name and value together; a larger one is ignored
};

/// Keeps the cookies that servers set, and says which of them a request carries. A client that is given one
/// (`client_options::cookies`) stores and sends them by itself, on every hop of a redirect.
///
/// ```cpp
/// fanout::http::client_options options;
/// options.cookies = std::make_shared<fanout::http::cookie_jar>();
/// fanout::http::client browser(options);
/// ```
///
/// What is refused: cookies for other domains, for public suffixes ("co.uk", "github.io") and their subdomains' sake,
/// `Secure` from plain http, names that begin with `__Secure-` or `__Host-` without what these promise, control
/// characters, and what exceeds the limits. A plain http page cannot replace a cookie set over https. An address has
/// host-only cookies, and one with a zone has none: it is another machine in another zone. A cookie lives for 400 days
/// at most. SameSite says which of a browser's pages may cause a request; here the caller causes all of them, so it is
/// ignored.
///
/// Thread safety: all members may be called from any thread; one jar may serve clients on many loops.
class cookie_jar {
 public:
  using clock = std::function<std::chrono::sys_seconds()>;

  /// `now`: the time, for tests; empty: the system's.
  explicit cookie_jar(cookie_limits limits = {}, clock now = {});
  cookie_jar(const cookie_jar&) = delete;
  cookie_jar& operator=(const cookie_jar&) = delete;
  ~cookie_jar();

  /// Takes the value of one Set-Cookie header that `from` answered with; false when it is ignored.
  bool store(const url& from, std::string_view set_cookie);
  /// The value of the Cookie header for a request to `to`; empty when there are none.
  std::string header_for(const url& to);

  /// Puts a cookie in as it is; false when the rules above refuse it, or it has expired.
  bool add(cookie what);
  /// All that have not expired, in the order they were set.
  std::vector<cookie> cookies() const;
  std::size_t size() const;
  void clear();

  /// Adds the cookies of a file in the Netscape format, which curl and wget read and write; lines "Set-Cookie: ..."
  /// with a Domain are read, too. Returns how many it took: expired ones, and those that no server could have set, are
  /// left out. Lines that are neither are passed over and told in `skipped`. Throws `std::runtime_error` that names the
  /// file when it cannot be read, or has no line that can.
  std::size_t load(const std::string& path, skipped_lines* skipped = nullptr);
  /// Writes all cookies, those without an expiry as well, as such a file. It replaces the old one in one step, readable
  /// by its owner alone; a device or a pipe is written to. Throws `std::runtime_error` that names the file.
  void save(const std::string& path) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace fanout::http
