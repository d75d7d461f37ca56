#pragma once

#include <fanout/fetch/record.hpp>
#include <fanout/fetch/settings.hpp>
#include <fanout/http/response.hpp>

#include <cstdint>
#include <string_view>

/// \file
/// Responses as records.
namespace fanout::fetch::detail {

/// 10, 11 or 20.
std::uint8_t version_number(http::http_version version) noexcept;
/// Whether the SHA-256 of a body is to be computed, and which one it is to be; empty: any.
bool wants_digest(const settings& how, const request& what) noexcept;
std::string_view expected_digest(const settings& how, const request& what) noexcept;
/// All that a record tells of a response but its body. A status of 400 and above is an error, and so is a rule of
/// X-Robots-Tag that is heeded: then nobody gets the body.
/// `from`: the page that answered, after redirects.
void take_head(const settings& how, const http::response& response, const http::url& from, record& result);
/// What is known at the end of the body alone.
void take_measurements(const settings& how, const http::measurements& measured, record& result);

}  // namespace fanout::fetch::detail
