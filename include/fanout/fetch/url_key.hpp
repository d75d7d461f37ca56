#pragma once

#include <string>
#include <string_view>

/// \file
/// Which URLs are the same to `--dedupe`.
namespace fanout::fetch {

/// What two URLs have in common that ask the same server for the same thing, as far as a URL tells:
///
///  - `http::url`'s form: scheme and host in lower case, no default port, no fragment, dot segments removed, an empty
///  path
///    as "/", hosts of other scripts in ASCII;
///  - escapes of unreserved characters undone (`%7e` is `~`), other escapes in capitals (RFC 3986, 6.2.2);
///  - user names and passwords stay: they may see other pages.
///
/// The order of query parameters, "/index.html", a slash at the end, "www." and http against https are left alone:
/// servers may tell them apart. A text that is no URL is its own key.
///
/// ```cpp
/// fetch::url_key("HTTP://Example.org:80/%7ejoe#top") == fetch::url_key("http://example.org/~joe");
/// ```
///
/// Thread safety: any thread.
std::string url_key(std::string_view url);

}  // namespace fanout::fetch
