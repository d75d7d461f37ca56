#pragma once

#include <string>
#include <string_view>

/// \file
/// The public suffix list: below which domains do strangers register names?
namespace fanout::http {

/// Whether strangers register names directly below `domain` (lower case): "com", "co.uk", "github.io", and every name
/// without a dot. The system's list (package publicsuffix), or else the one libpsl was built with. Thread-safe.
bool is_public_suffix(const std::string& domain);

/// The domain below a public suffix that `host` belongs to: "example.co.uk" for "www.example.co.uk". `host` itself when
/// it is a public suffix or an address. Thread-safe.
std::string registrable_domain(const std::string& host);

}  // namespace fanout::http
