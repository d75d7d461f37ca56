#include "http/response_parser.hpp"

#include <fanout/base/failure.hpp>

#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

namespace fanout::http {
namespace {

namespace beast_http = boost::beast::http;

// Servers send one or two interim responses (100, 103); an endless row of them is an attack.
constexpr int most_interim = 16;
// A length is only a claim: no more than this is set aside before the bytes arrive.
constexpr std::uint64_t most_reserved = 1024 * 1024;
// Whatever is unread of a chunked body is at least its last chunk, "0\r\n\r\n". Given "0\r\n" and then "0\r\n\r",
// Beast 1.81 fails an assertion.
constexpr std::size_t least_chunked = 5;

}  // namespace

response_parser::message::message(response_parser& owner) : owner_(owner) {
  const auto& options = owner.options_;
  header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(options.max_header_bytes, 1u << 30)));
  body_limit(options.max_body_bytes);
  eager(true);
  skip(owner.head_request_);
}

void response_parser::message::on_response_impl(int status, string_view reason, int, error_code& failed) {
  // Beast takes any three digits. 000 to 099 are no status (RFC 9110 section 15), and not interim responses either: to
  // Beast they have a body.
  if (status < 100) {
    failed = beast_http::error::bad_status;
    return;
  }
  auto& result = owner_.result_;
  result.status = status;
  result.reason.assign(reason.data(), reason.size());
  result.headers.clear();
  result.headers.reserve(12, 320);
}

void response_parser::message::on_field_impl(field, string_view name, string_view value, error_code& failed) {
  // Trailer fields come this way too. They are left out: merged into the header they could pass for the server's own
  // framing or policy (RFC 9110 section 6.5.1).
  auto& headers = is_header_done() ? owner_.trailers_ : owner_.result_.headers;
  headers.add({name.data(), name.size()}, {value.data(), value.size()});
  if (headers.bytes() > owner_.options_.max_header_bytes || headers.size() > owner_.options_.max_header_count)
    failed = beast_http::error::header_limit;
}

void response_parser::message::on_header_impl(error_code&) {}

void response_parser::message::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
  if (!length) return;
  owner_.length_known_ = true;
  owner_.expected_bytes_ = *length;
  if (owner_.keep_body_) owner_.result_.body.reserve(static_cast<std::size_t>(std::min(*length, most_reserved)));
}

std::size_t response_parser::message::on_body_impl(string_view body, error_code& failed) {
  return owner_.store_body({body.data(), body.size()}, failed);
}

void response_parser::message::on_chunk_header_impl(std::uint64_t, string_view, error_code&) {}

std::size_t response_parser::message::on_chunk_body_impl(std::uint64_t, string_view body, error_code& failed) {
  return owner_.store_body({body.data(), body.size()}, failed);
}

response_parser::response_parser(const client_options& options, bool head_request, bool keep_body)
    : options_(options), head_request_(head_request), keep_body_(keep_body) {
  message_.emplace(*this);
}

std::size_t response_parser::store_body(std::string_view body, boost::system::error_code& failed) {
  result_.body_bytes += body.size();
  if (result_.body_bytes > options_.max_body_bytes) failed = beast_http::error::body_limit;
  if (keep_body_ && !failed) result_.body.append(body);
  return body.size();
}

response_parser::progress response_parser::put(std::string_view bytes) {
  progress made{0};
  if (!bytes.empty()) got_some_ = true;
  while (made.used < bytes.size()) {
    const std::string_view rest = bytes.substr(made.used);
    if (rest.size() < least_chunked && message_->is_header_done() && message_->chunked()) break;
    const std::size_t used = message_->put(boost::asio::const_buffer(rest.data(), rest.size()), made.failed);
    made.used += used;
    if (made.failed == beast_http::error::need_more) {
      made.failed = {};
      break;
    }
    if (made.failed || !message_->is_header_done()) break;
    if (result_.status < 200) {
      if (result_.status == 101 || ++interim_ > most_interim) {
        made.failed = beast_http::error::bad_status;
        break;
      }
      message_.emplace(*this);
      continue;
    }
    if (message_->is_done()) break;
  }
  return made;
}

bool response_parser::put_end() {
  if (!ends_with_connection()) return false;
  boost::system::error_code failed;
  message_->put_eof(failed);
  return !failed && message_->is_done();
}

std::string response_parser::how_far() const {
  if (!got_some_) return "before the first byte of the response";
  if (!header_done()) return "in the middle of the response's header";
  if (length_known_) return fmt::format("after {} of {} bytes of the body", result_.body_bytes, expected_bytes_);
  return fmt::format("after {} bytes of a body of unknown length", result_.body_bytes);
}

void response_parser::raise(boost::system::error_code failed, const std::string& from) const {
  if (failed == beast_http::error::header_limit)
    throw error(failure_kind::too_large,
                fmt::format("the response header from {} is over the limit of {} bytes or {} fields", from,
                            options_.max_header_bytes, options_.max_header_count));
  if (failed == beast_http::error::body_limit)
    throw error(failure_kind::too_large,
                fmt::format("the body from {} is over the limit of {} bytes", from, options_.max_body_bytes));
  if (result_.status == 101)
    throw error(failure_kind::protocol, fmt::format("{} switched protocols (status 101) unasked", from));
  if (interim_ > most_interim)
    throw error(failure_kind::protocol,
                fmt::format("{} sent more than {} interim (1xx) responses", from, most_interim));
  throw error(failure_kind::protocol, fmt::format("{} sent a malformed HTTP response ({})", from, failed.message()));
}

}  // namespace fanout::http
