#include "fetch/exchange/response_record.hpp"

#include <fanout/fetch/retry_policy.hpp>

#include "fetch/exchange/opt_out.hpp"

#include <fmt/format.h>

#include <chrono>

namespace fanout::fetch::detail {
namespace {

timings timings_of(const http::measurements& measured) {
  timings made;
  made.queued_ns = measured.queued.count();
  made.name_lookup_ns = measured.name_lookup.count();
  made.connect_ns = measured.connect.count();
  made.tls_ns = measured.tls.count();
  made.first_byte_ns = measured.first_byte.count();
  made.total_ns = measured.total.count();
  made.bytes_sent = measured.bytes_sent;
  made.bytes_received = measured.bytes_received;
  made.remote_address = measured.remote_address;
  made.connection_reused = measured.connection_reused;
  made.redirects = measured.redirects;
  return made;
}

}  // namespace

std::uint8_t version_number(http::http_version version) noexcept {
  if (version == http::http_version::v2) return 20;
  return version == http::http_version::v1_1 ? 11 : 10;
}

void take_head(const settings& how, const http::response& response, const http::url& from, record& result) {
  result.status = response.status;
  result.http_version = version_number(response.version);
  result.tls_version = static_cast<std::uint8_t>(response.measured.tls_version);
  result.reused = response.measured.connection_reused;
  result.attempts += response.measured.attempts;
  result.body_coded = how.keep_coding || !how.decode_content || response.status == 206;
  if (response.measured.redirects > 0) result.final_url = from.str();
  if (how.keep_headers)
    for (const auto& [name, value] : response.headers) result.headers.emplace_back(name, value);
  if (const auto rule = opted_out(response.headers, how.opt_outs); !rule.empty() && response.status < 400) {
    result.error = failure_kind::opted_out;
    result.message = fmt::format("the server opts out: its X-Robots-Tag says {}", rule);
  }
  if (response.status < 400) return;
  if (response.status == 429 || response.status == 503)
    if (const auto pause = retry_after_of(response.headers)) result.retry_after_ms = pause->count();
  result.error = failure_kind::status;
  result.message = response.reason.empty() ? fmt::format("the server answered {}", response.status)
                                           : fmt::format("{} {}", response.status, response.reason);
}

bool wants_digest(const settings& how, const request& what) noexcept {
  return how.digest_bodies || !expected_digest(how, what).empty();
}
std::string_view expected_digest(const settings& how, const request& what) noexcept {
  return how.verify_digests ? std::string_view(what.sha256) : std::string_view();
}

void take_measurements(const settings& how, const http::measurements& measured, record& result) {
  if (how.keep_timings) result.measured = timings_of(measured);
}

}  // namespace fanout::fetch::detail
