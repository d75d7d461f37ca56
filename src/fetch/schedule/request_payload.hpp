#pragma once

#include <fanout/fetch/record.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// Requests as bytes, while they wait for the turn of their host.
namespace fanout::fetch {

/// All of a request but its index, `extra` and `earlier` included. A request that is a URL and nothing else is its text
/// and one byte.
std::string payload_of(const request& given);
/// Of bytes that `payload_of` made.
request request_of_payload(std::string_view payload, std::uint64_t index);

}  // namespace fanout::fetch
