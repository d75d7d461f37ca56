#pragma once

#include <string>
#include <string_view>

/// \file
/// Labels of host names in ASCII (RFC 3492).
namespace fanout::http {

/// What follows "xn--" in the ASCII form of a label. `label` has at most some thousand characters, each a code point.
std::string punycode(std::u32string_view label);

}  // namespace fanout::http
