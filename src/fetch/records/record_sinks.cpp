#include <fanout/fetch/record_sinks.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include "fetch/encoding/stored_payloads.hpp"
#include "fetch/records/archive_payloads.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fanout::fetch {
namespace {

constexpr std::uint64_t unit_size = 64 * 1024;

record_file::mark mark_of(const finished& each) {
  return {each.index, each.result.error.has_value()};
}

/// The run was stopped before it ended: the next one sends it again.
bool was_cancelled(const finished& each) {
  return each.result.error == failure_kind::cancelled;
}

std::string without_port(std::string_view address) {
  const auto end = std::min(address.rfind(':'), address.size());
  address = address.substr(0, end);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return std::string(address);
}

/// What an archive keeps of an exchange, until the writer's thread turns it into records.
struct kept_exchange {
  record_file::mark mark;
  std::string asked_url;
  std::string id;
  std::string method;
  std::string request_body;
  std::string error;
  std::vector<message_pair> messages;
  std::string body;       ///< of the last response
  std::string body_file;  ///< that has it instead
  std::int64_t elapsed_ns = 0;
  warc_truncated cut = warc_truncated::no;
  bool has_response = false;
  bool body_coded = false;
};

/// Why the body of a response is not whole.
warc_truncated reason_of(failure_kind why) {
  switch (why) {
    case failure_kind::too_large:
      return warc_truncated::length;
    case failure_kind::timeout:
      return warc_truncated::time;
    case failure_kind::connect:
    case failure_kind::tls:
    case failure_kind::protocol:
      return warc_truncated::disconnect;
    default:
      return warc_truncated::unspecified;
  }
}

/// "TLSv1.3 / TLS_AES_128_GCM_SHA256" as a WARC-Protocol.
std::string_view protocol_of_tls(std::string_view description) {
  if (description.starts_with("TLSv1.3")) return "tls/1.3";
  return description.starts_with("TLSv1.2") ? "tls/1.2" : std::string_view();
}

struct parsed_head {
  std::string status_line;
  warc_fields headers;
  bool coded = false;
};

/// Of the form that `exchange_watch` gives heads.
parsed_head parse_head(std::string_view head) {
  parsed_head made;
  bool first = true;
  while (!head.empty()) {
    const auto end = std::min(head.find("\r\n"), head.size());
    const auto line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    if (std::exchange(first, false)) {
      // Readers of archives know the versions that have such lines.
      const auto space = std::min(line.find(' '), line.size());
      made.status_line = line.starts_with("HTTP/2") ? "HTTP/1.1" + std::string(line.substr(space)) : std::string(line);
      continue;
    }
    const auto colon = line.find(": ");
    if (colon == line.npos) continue;
    made.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    const auto& name = made.headers.back().first;
    constexpr std::string_view coding = "content-encoding";
    made.coded = made.coded || std::equal(name.begin(), name.end(), coding.begin(), coding.end(),
                                          [](char l, char r) { return (l | 0x20) == r || l == r; });
  }
  return made;
}

}  // namespace

void record_lines::take(finished& each, writer& to) {
  if (was_cancelled(each)) return;
  const auto write = [&each, this](std::string& text) {
    append_json(text, each.index, each.asked, each.result, each.file, with_);
  };
  if (each.file.empty()) {
    if (file_.add(mark_of(each), write)) to.add(unit_size, [this] { file_.flush(); });
    return;
  }
  // The writer may have the body still, and the record says that it is there.
  std::string line;
  write(line);
  const std::uint64_t size = line.size();
  to.add(size, [this, mark = mark_of(each), line = std::move(line)] {
    if (file_.add(mark, [&line](std::string& text) { text += line; })) file_.flush();
  });
}

class warc_output::encoding {
 public:
  encoding(record_format format, std::vector<record_file::earlier_file> earlier, const validators* since)
      : format_(format),
        earlier_(std::move(earlier)),
        since_(since),
        encoder_({.gzip = format == record_format::warc_gzip}) {}

  /// `taken` as of `warc_encoder`.
  void append(std::string& into, const kept_exchange& of, const warc_encoder::drain& taken) {
    const std::string& url = of.messages.empty() ? of.asked_url : of.messages.back().url;
    warc_fields fields{{"fanoutIndex", std::to_string(of.mark.index)},
                       {"fetchTimeMs", std::to_string(of.elapsed_ns / 1'000'000)}};
    if (url != of.asked_url) fields.emplace_back("fanoutUrl", of.asked_url);
    if (!of.id.empty()) fields.emplace_back("fanoutId", of.id);
    if (of.mark.failed) fields.emplace_back("fanoutError", of.error);
    for (std::size_t i = 0; i < of.messages.size(); ++i) {
      const message_pair& each = of.messages[i];
      if (each.head.empty()) continue;
      const bool last = of.has_response && i + 1 == of.messages.size();
      append_message(into, of, each, last ? &fields : nullptr, taken);
    }
    if (!of.has_response) encoder_.append_metadata(into, url, fields, std::chrono::system_clock::now());
  }

 private:
  /// `metadata`: of the last response; null: of a redirect, whose body was never decoded.
  void append_message(std::string& into, const kept_exchange& of, const message_pair& each, const warc_fields* metadata,
                      const warc_encoder::drain& taken) {
    const bool last = metadata != nullptr;
    const parsed_head head = parse_head(each.head);
    const std::string address = without_port(each.remote_address);
    const bool bodiless = of.method == "HEAD" || each.status == 204 || each.status == 304;
    const std::chrono::system_clock::time_point date{std::chrono::microseconds(each.sent_us)};
    warc_exchange exchange{.url = each.url, .date = date};
    exchange.address = address;
    if (each.http_version == 20) exchange.protocol = "h2";
    exchange.tls = protocol_of_tls(each.tls);
    exchange.request_head = each.request_head;
    exchange.request_body = request_body_of(of, each);
    exchange.status_line = head.status_line;
    exchange.headers = &head.headers;
    exchange.payload = last ? of.body : each.body;
    if (last) exchange.payload_file = of.body_file;
    exchange.has_payload = !bodiless;
    exchange.content_decoded = last && head.coded && !bodiless && !of.body_coded;
    exchange.metadata = metadata;
    if (!bodiless && last) exchange.truncated = of.cut;
    if (!bodiless && !last && each.cut) exchange.truncated = warc_truncated::unspecified;
    if (each.status == 304) return append_not_modified(into, of, each, exchange);
    const bool in_file = !exchange.payload_file.empty();
    const bool has_bytes = in_file || !exchange.payload.empty();
    const bool may_repeat = last && !bodiless && has_bytes && exchange.truncated == warc_truncated::no;
    if (!may_repeat) return void(encoder_.append(into, exchange, taken));
    const std::string digest = in_file ? warc_encoder::payload_digest_of_file(exchange.payload_file)
                                       : warc_encoder::payload_digest(exchange.payload);
    exchange.payload_digest = digest;
    read_earlier();
    if (const auto original = stored_.find(digest))
      return void(encoder_.append_revisit(into, exchange, {original->record_id, original->url, original->date}));
    const auto made = encoder_.append(into, exchange, taken);
    if (!of.mark.failed) stored_.add(digest, {made.record_id, each.url, made.date});
  }

  /// The server says that the page is what the condition of the request says; of the caller's own nothing is known.
  void append_not_modified(std::string& into, const kept_exchange& of, const message_pair& each,
                           const warc_exchange& exchange) {
    std::optional<validator> known;
    if (since_ != nullptr) known = since_->find(of.asked_url);
    const auto sent = [&each](const std::string& value) {
      return !value.empty() && each.request_head.find(value) != std::string::npos;
    };
    if (!known || (!sent(known->etag) && !sent(known->last_modified)))
      return void(encoder_.append_revisit(into, exchange, {}));
    encoder_.append_revisit(into, exchange,
                            {known->record_id, known->record_url, known->record_date, known->payload_digest});
  }

  /// Payloads that earlier runs of the job have stored, as far back as is read.
  void read_earlier() {
    constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
    const std::vector<record_file::earlier_file> files = std::exchange(earlier_, {});
    auto first = files.end();
    for (std::uint64_t bytes = 0; first != files.begin() && bytes < most_bytes;) bytes += (--first)->bytes;
    for (; first != files.end(); ++first) read_stored_payloads(first->path, format_, first->bytes, stored_, most_bytes);
  }

  /// A redirect may have made a GET of a POST.
  static std::string_view request_body_of(const kept_exchange& of, const message_pair& each) {
    const bool same_method =
        each.request_head.starts_with(of.method) && each.request_head.substr(of.method.size()).starts_with(' ');
    return same_method ? std::string_view(of.request_body) : std::string_view();
  }

  const record_format format_;
  std::vector<record_file::earlier_file> earlier_;  ///< not read yet
  const validators* const since_;
  warc_encoder encoder_;
  stored_payloads stored_;
};

warc_output::warc_output(const std::string& path, record_file_options how, const validators* since)
    : path_(path),
      file_(path, record_format_of(path), std::move(how)),
      encoding_(std::make_unique<encoding>(file_.format(), file_.earlier(), since)) {}
warc_output::~warc_output() = default;

void warc_output::take(finished& each, writer& to) {
  if (was_cancelled(each)) return;
  record& result = each.result;
  auto kept = std::make_shared<kept_exchange>();
  kept->mark = mark_of(each);
  kept->asked_url = each.asked.url;
  kept->id = each.asked.id;
  kept->method = each.asked.method;
  kept->request_body = each.asked.body;
  if (result.error) kept->error = fmt::format("{}: {}", to_string(*result.error), result.message.str());
  kept->elapsed_ns = result.elapsed_ns;
  kept->has_response = result.status != 0 && !result.messages.empty() && !result.messages.back().head.empty();
  kept->body_coded = result.body_coded;
  if (kept->has_response && result.messages.back().cut && result.error) kept->cut = reason_of(*result.error);
  if (each.last_with_body) {
    kept->messages = std::move(result.messages);
    if (result.body) kept->body = std::move(*result.body);
  } else {
    kept->messages = result.messages;
    if (result.body) kept->body = *result.body;
  }
  if (result.error == failure_kind::digest_mismatch)  // nobody may have the body
    ::unlink(each.temporary.c_str());
  else
    kept->body_file = each.temporary;
  std::uint64_t size = kept->body.size() + (kept->body_file.empty() ? 0 : result.bytes);
  for (const message_pair& message : kept->messages)
    size += message.head.size() + message.request_head.size() + message.body.size();
  to.add(size, [this, kept = std::move(kept)] {
    if (kept->body_file.empty()) {
      if (file_.add(kept->mark, [&](std::string& text) { encoding_->append(text, *kept, {}); })) file_.flush();
      return;
    }
    file_.write(kept->mark, [&](std::string& text, const auto& taken) { encoding_->append(text, *kept, taken); });
    ::unlink(kept->body_file.c_str());
  });
}

}  // namespace fanout::fetch
