#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include "fetch/bodies/temporary_bodies.hpp"
#include "fetch/encoding/gzip_members.hpp"
#include "fetch/encoding/gzip_stream.hpp"
#include "fetch/encoding/sha1_digest.hpp"
#include "fetch/hash/siphash.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

namespace fanout::fetch {
namespace {

constexpr std::string_view archived = "X-Archive-Orig-";

bool is_header(std::string_view name, std::string_view lower_case) {
  return std::equal(name.begin(), name.end(), lower_case.begin(), lower_case.end(), [](char left, char right) {
    return (left >= 'A' && left <= 'Z' ? static_cast<char>(left - 'A' + 'a') : left) == right;
  });
}

std::string_view reason_of(warc_truncated why) {
  switch (why) {
    case warc_truncated::length:
      return "length";
    case warc_truncated::time:
      return "time";
    case warc_truncated::disconnect:
      return "disconnect";
    default:
      return "unspecified";
  }
}

std::string date_text(std::chrono::system_clock::time_point date) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(date);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(micros);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (micros - seconds).count());
}

/// No end of a line gets into a header from outside.
void append_line(std::string& into, std::string_view name, std::string_view value) {
  into += name;
  into += ": ";
  for (const char c : value) into += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  into += "\r\n";
}

constexpr std::string_view http_1_1 = "HTTP/1.1", http_2 = "HTTP/2";

/// HTTP/2 has no status line: it is told as if there were one. Its reason is empty.
void append_status_line(std::string& into, std::string_view line) {
  if (!line.starts_with(http_2)) {
    into += line;
  } else {
    into += http_1_1;
    into += line.substr(std::min(line.find(' '), line.size()));
    if (std::count(line.begin(), line.end(), ' ') == 1) into += ' ';
  }
  into += "\r\n";
}

/// Nor has it a request line.
void append_request_head(std::string& into, std::string_view head) {
  const std::size_t end = std::min(head.find("\r\n"), head.size());
  const std::string_view line = head.substr(0, end);
  const std::size_t version = line.rfind(' ');
  if (version != line.npos && line.substr(version + 1).starts_with(http_2)) {
    into += line.substr(0, version + 1);
    into += http_1_1;
  } else {
    into += line;
  }
  into += head.substr(end);
}

/// The head that is true of the payload as it is stored.
void append_head(std::string& into, const warc_exchange& exchange, std::uint64_t payload_size) {
  append_status_line(into, exchange.status_line);
  bool length_said = false;
  bool transfer_coded = false;
  if (exchange.headers != nullptr)
    for (const auto& [name, value] : *exchange.headers)
      transfer_coded = transfer_coded || is_header(name, "transfer-encoding");
  const bool changed = exchange.has_payload && (transfer_coded || exchange.content_decoded);
  if (exchange.headers != nullptr) {
    for (const auto& [name, value] : *exchange.headers) {
      const bool length = is_header(name, "content-length");
      const bool rename = exchange.has_payload && ((length && changed) || is_header(name, "transfer-encoding") ||
                                                   (exchange.content_decoded && is_header(name, "content-encoding")));
      if (rename)
        append_line(into, std::string(archived) + name, value);
      else
        append_line(into, name, value);
      length_said = length_said || (length && !rename);
    }
  }
  if (exchange.has_payload && !length_said) append_line(into, "Content-Length", std::to_string(payload_size));
  into += "\r\n";
}

}  // namespace

class warc_encoder::implementation {
 public:
  explicit implementation(options how) : key_(random_key()) {
    if (how.gzip) gzip_.emplace();
  }

  void append_info(std::string& into, const warc_fields& fields, std::chrono::system_clock::time_point date) {
    block_.clear();
    for (const auto& [name, value] : fields) append_line(block_, name, value);
    begin("warcinfo", new_id(), date_text(date));
    append_line(record_, "Content-Type", "application/warc-fields");
    append_record(into, {});
  }

  void append_fields(std::string& into, std::string_view url, const warc_fields& fields, std::string_view date,
                     std::string_view concurrent_to) {
    block_.clear();
    for (const auto& [name, value] : fields) append_line(block_, name, value);
    begin("metadata", new_id(), date);
    append_line(record_, "WARC-Target-URI", url);
    if (!concurrent_to.empty()) append_line(record_, "WARC-Concurrent-To", concurrent_to);
    append_line(record_, "Content-Type", "application/warc-fields");
    append_record(into, {});
  }

  appended append(std::string& into, const warc_exchange& exchange, const warc_original* original, const drain* taken) {
    appended made{new_id(), date_text(exchange.date), {}};
    const bool with_payload = exchange.has_payload && original == nullptr;
    const bool in_file = !exchange.payload_file.empty();
    const std::uint64_t size =
        in_file ? detail::size_of_body(std::string(exchange.payload_file)) : exchange.payload.size();
    block_.clear();
    append_head(block_, exchange, size);
    begin(original == nullptr ? "response" : "revisit", made.record_id, made.date);
    append_where(exchange);
    append_line(record_, "Content-Type", "application/http;msgtype=response");
    if (exchange.has_payload) {
      std::string_view known = exchange.payload_digest;
      if (known.empty() && original != nullptr) known = original->payload_digest;
      made.payload_digest = !known.empty() ? std::string(known)
                            : in_file      ? payload_digest_of_file(exchange.payload_file)
                                           : sha1_digest(exchange.payload);
      append_line(record_, "WARC-Payload-Digest", made.payload_digest);
    } else if (original != nullptr && !original->payload_digest.empty()) {
      append_line(record_, "WARC-Payload-Digest", original->payload_digest);
    }
    if (original != nullptr) append_original(*original, exchange.has_payload);
    if (exchange.truncated != warc_truncated::no) append_line(record_, "WARC-Truncated", reason_of(exchange.truncated));
    if (with_payload && in_file)
      append_record_of_file(into, std::string(exchange.payload_file), size, taken);
    else
      append_record(into, with_payload ? exchange.payload : std::string_view());
    if (!exchange.request_head.empty()) append_request(into, exchange, made);
    if (exchange.metadata != nullptr) append_fields(into, exchange.url, *exchange.metadata, made.date, made.record_id);
    return made;
  }

 private:
  std::string new_id() {
    // Of a key from the system and a counter: as random as the key, without a system call for each.
    const auto bits = siphash_128({reinterpret_cast<const char*>(&counter_), sizeof counter_}, key_);
    ++counter_;
    const std::uint64_t high = (bits.high & ~std::uint64_t{0xf000}) | 0x4000;  // version 4
    const std::uint64_t low = (bits.low & ~(std::uint64_t{3} << 62)) | std::uint64_t{2} << 62;
    return fmt::format("<urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}>", high >> 32, high >> 16 & 0xffff, high & 0xffff,
                       low >> 48, low & 0xffffffffffffU);
  }

  void begin(std::string_view type, std::string_view id, std::string_view date) {
    record_ = "WARC/1.1\r\n";
    append_line(record_, "WARC-Type", type);
    append_line(record_, "WARC-Record-ID", id);
    append_line(record_, "WARC-Date", date);
  }
  void append_where(const warc_exchange& exchange) {
    append_line(record_, "WARC-Target-URI", exchange.url);
    if (!exchange.address.empty()) append_line(record_, "WARC-IP-Address", exchange.address);
    for (const std::string_view each : {exchange.protocol, exchange.tls})
      if (!each.empty()) append_line(record_, "WARC-Protocol", each);
  }
  void append_original(const warc_original& original, bool same_payload) {
    append_line(record_, "WARC-Profile",
                same_payload ? "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
                             : "http://netpreserve.org/warc/1.1/revisit/server-not-modified");
    if (!original.record_id.empty()) append_line(record_, "WARC-Refers-To", original.record_id);
    if (!original.url.empty()) append_line(record_, "WARC-Refers-To-Target-URI", original.url);
    if (!original.date.empty()) append_line(record_, "WARC-Refers-To-Date", original.date);
  }

  void append_request(std::string& into, const warc_exchange& exchange, const appended& response) {
    block_.clear();
    append_request_head(block_, exchange.request_head);
    begin("request", new_id(), response.date);
    append_where(exchange);
    append_line(record_, "WARC-Concurrent-To", response.record_id);
    append_line(record_, "Content-Type", "application/http;msgtype=request");
    if (!exchange.request_body.empty()) append_line(record_, "WARC-Payload-Digest", sha1_digest(exchange.request_body));
    append_record(into, exchange.request_body);
  }

  /// Ends the record with its block: `block_`, then `rest`.
  void append_record(std::string& into, std::string_view rest) {
    append_line(record_, "WARC-Block-Digest", sha1_digest(block_, rest));
    append_line(record_, "Content-Length", std::to_string(block_.size() + rest.size()));
    record_ += "\r\n";
    record_ += block_;
    record_ += rest;
    record_ += "\r\n\r\n";
    if (gzip_)
      gzip_->append(into, record_);
    else
      into += record_;
  }

  /// The same with a file's bytes behind `block_`.
  void append_record_of_file(std::string& into, const std::string& path, std::uint64_t size, const drain* taken) {
    sha1_sum sum;
    sum.add(block_);
    std::uint64_t seen = 0;
    detail::read_body(path, [&](std::string_view piece) {
      sum.add(piece);
      seen += piece.size();
    });
    if (seen != size) throw output_error(fmt::format("the body in {} has changed", path));
    append_line(record_, "WARC-Block-Digest", sum.text());
    append_line(record_, "Content-Length", std::to_string(block_.size() + size));
    record_ += "\r\n";
    record_ += block_;
    std::optional<gzip_stream> packed;
    if (gzip_) packed.emplace();
    const auto put = [&](std::string_view bytes) {
      if (packed)
        packed->append(into, bytes);
      else
        into += bytes;
      if (taken != nullptr && *taken && into.size() >= drained_at) (*taken)(into);
    };
    put(record_);
    detail::read_body(path, put);
    put("\r\n\r\n");
    if (packed) packed->end(into);
  }

  static constexpr std::size_t drained_at = 64 * 1024;

  hash_128 key_;
  std::uint64_t counter_ = 0;
  std::optional<gzip_members> gzip_;
  std::string record_;
  std::string block_;
};

warc_encoder::warc_encoder(options how) : implementation_(std::make_unique<implementation>(how)) {}
warc_encoder::~warc_encoder() = default;

void warc_encoder::append_info(std::string& into, const warc_fields& fields,
                               std::chrono::system_clock::time_point date) {
  implementation_->append_info(into, fields, date);
}
warc_encoder::appended warc_encoder::append(std::string& into, const warc_exchange& exchange) {
  return implementation_->append(into, exchange, nullptr, nullptr);
}
warc_encoder::appended warc_encoder::append(std::string& into, const warc_exchange& exchange, const drain& taken) {
  return implementation_->append(into, exchange, nullptr, &taken);
}
warc_encoder::appended warc_encoder::append_revisit(std::string& into, const warc_exchange& exchange,
                                                    const warc_original& original) {
  return implementation_->append(into, exchange, &original, nullptr);
}
void warc_encoder::append_metadata(std::string& into, std::string_view url, const warc_fields& fields,
                                   std::chrono::system_clock::time_point date) {
  implementation_->append_fields(into, url, fields, date_text(date), {});
}
std::string warc_encoder::payload_digest(std::string_view payload) {
  return sha1_digest(payload);
}
std::string warc_encoder::payload_digest_of_file(std::string_view path) {
  sha1_sum sum;
  detail::read_body(std::string(path), [&sum](std::string_view piece) { sum.add(piece); });
  return sum.text();
}

}  // namespace fanout::fetch
