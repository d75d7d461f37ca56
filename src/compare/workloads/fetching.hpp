#pragma once

#include <fanout/fetch/exchange.hpp>

#include <chrono>
#include <cstdint>

namespace fanout::detail {

/// The settings of workloads that fetch.
fetch::settings settings_within(std::chrono::milliseconds timeout);

/// The digest of a fetch: a page may change between two of them, so the status is all that must be equal. Throws for
/// one that failed.
std::uint64_t accept_status(const fetch::record& got);

}  // namespace fanout::detail
