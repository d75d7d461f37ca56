#pragma once

#include <string>

namespace fanout::detail {

/// Where an exception was thrown, "parse(int) at rows.cpp:42"; empty when that is not known. `thrown` is the exception
/// object. Only programs that link `fanout::throw_sites` have it, so whoever calls it asks first whether it is there.
[[gnu::weak]] std::string throw_site(const void* thrown);

}  // namespace fanout::detail
