#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Exchanges as records of a web archive: WARC 1.1 (ISO 28500:2017).
namespace fanout::fetch {

using warc_fields = std::vector<std::pair<std::string, std::string>>;

/// Why the end of a payload is missing.
enum class warc_truncated { no, length, time, disconnect, unspecified };

/// One request and its response. Texts are kept by whoever calls.
struct warc_exchange {
  std::string_view url;  ///< that was asked for
  std::chrono::system_clock::time_point date;
  std::string_view address = {};       ///< of the server; empty: not known
  std::string_view protocol = {};      ///< "h2", "http/1.1": a WARC-Protocol; empty: none is written
  std::string_view tls = {};           ///< "tls/1.3": another; empty: plain, or not known
  std::string_view request_head = {};  ///< as sent, with the empty line; empty: no request record
  std::string_view request_body = {};
  std::string_view status_line = "HTTP/1.1 200 OK";  ///< as received, without its end
  const warc_fields* headers = nullptr;              ///< of the response, as received
  std::string_view payload = {};                     ///< the body, its transfer coding undone
  std::string_view payload_file = {};                ///< instead of `payload`: the path of a file that has it
  std::string_view payload_digest = {};              ///< of it, where it is known; empty: it is computed
  bool has_payload = true;       ///< false for HEAD, 1xx, 204 and 304: a Content-Length says what is not there
  bool content_decoded = false;  ///< `payload` has its Content-Encoding undone, too
  warc_truncated truncated = warc_truncated::no;
  const warc_fields* metadata = nullptr;  ///< of the fetch, such as {"fetchTimeMs", "120"}; null: no metadata record
};

/// An earlier response with the same payload, or the one that a 304 confirms; all empty: it is not known which.
struct warc_original {
  std::string_view record_id = {};
  std::string_view url = {};
  std::string_view date = {};  ///< as its record has it
  std::string_view payload_digest = {};
};

/// Turns exchanges into records: response (or revisit), request, metadata, each a gzip member of its own. It only
/// appends to a text, on the lane that fetched; who writes the file appends whole texts.
///
/// What is stored is the payload with its transfer coding undone, so the head that goes with it says so: a
/// Transfer-Encoding is renamed to X-Archive-Orig-Transfer-Encoding, and Content-Length is that of the payload. Content
/// codings stay, unless the caller undid them; then their headers are renamed likewise. The payload digest is of the
/// payload as stored, so the same page has the same digest however it was cut into chunks.
///
/// An exchange over HTTP/2 is written as the field does: with a request line and a status line of HTTP/1.1, and
/// `WARC-Protocol: h2` (warc-specs, issue 42).
///
/// Record ids are random UUIDs, so they are unique across runs that are resumed. URIs have no angle brackets around
/// them, but for ids, as 1.1 has it.
///
/// ```cpp
/// fetch::warc_encoder encoder({.gzip = true});
/// encoder.append_info(text, {{"software", "fanout"}}, now);
/// encoder.append(text, {.url = "http://example.org/", .date = now, .headers = &headers, .payload = body});
/// ```
///
/// Thread safety: none; each lane has one.
class warc_encoder {
 public:
  struct options {
    bool gzip = true;
  };
  /// What later records may refer to.
  struct appended {
    std::string record_id;
    std::string date;
    std::string payload_digest;  ///< empty without a payload
  };

  /// Takes what was appended so far away, to where it is to be, and leaves nothing.
  using drain = std::function<void(std::string& text)>;

  explicit warc_encoder(options how);
  warc_encoder(const warc_encoder&) = delete;
  warc_encoder& operator=(const warc_encoder&) = delete;
  ~warc_encoder();

  /// What a file begins with.
  void append_info(std::string& into, const warc_fields& fields, std::chrono::system_clock::time_point date);
  appended append(std::string& into, const warc_exchange& exchange);
  /// The same, and `taken` is called whenever there are 64 KiB and more: however large `payload_file` is, no more of it
  /// is in memory. Throws `output_error` where that cannot be read, and what `taken` throws.
  appended append(std::string& into, const warc_exchange& exchange, const drain& taken);
  /// A response whose payload is that of an earlier one; its status is 304, or the payload digests are equal.
  appended append_revisit(std::string& into, const warc_exchange& exchange, const warc_original& original);

  /// What is to be said of a fetch that has no response.
  void append_metadata(std::string& into, std::string_view url, const warc_fields& fields,
                       std::chrono::system_clock::time_point date);

  /// The digest by which `append` would call this payload.
  static std::string payload_digest(std::string_view payload);
  static std::string payload_digest_of_file(std::string_view path);

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace fanout::fetch
