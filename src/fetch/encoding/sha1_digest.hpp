#pragma once

#include <string>
#include <string_view>

namespace fanout::fetch {

/// "sha1:" and the digest in base 32 (RFC 4648), as archives of the web write it. Thread safety: any thread.
std::string sha1_digest(std::string_view first, std::string_view second = {});

}  // namespace fanout::fetch
