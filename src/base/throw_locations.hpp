#pragma once

#include <string>

namespace fanout::detail {

/// Where an exception was thrown, "parse(int) at rows.cpp:42"; empty when that is not known. `thrown` is the exception
/// object. Only programs that link `fanout::throw_locations` have it, so whoever calls it asks first whether it is
/// there.
[[gnu::weak]] std::string throw_location(const void* thrown);

}  // namespace fanout::detail
