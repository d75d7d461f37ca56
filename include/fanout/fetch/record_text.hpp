#pragma once

#include <fanout/fetch/exchange.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// Records as text.
namespace fanout::fetch {

/// What of a record may be left out of its text, although it is there.
struct json_fields {
  bool headers = true;
  bool body = true;
};

/// Appends the record as one JSON object on a line of its own:
///
///     {"index":0,"url":"http://…","status":200,"bytes":5,"elapsed_ms":1.234,"attempts":1,"error":null,
///      "final_url":"http://…"}
///
/// `status` and `final_url` are null when no response came; `error` is null or `{"kind","message"}`. `id` follows
/// `index` where the request had one, `http_version` and `tls` are what the response came in, `file` names where the
/// body was stored, `sha256` is its digest where it was computed, `headers` is a list of [name, value], `timings` an
/// object of what the phases took, and a kept body is `body`, or `body_base64` where it is no UTF-8. Bytes that are no
/// UTF-8 elsewhere become U+FFFD.
void append_json(std::string& text, std::uint64_t index, const request& asked, const record& result,
                 std::string_view file = {}, json_fields with = {});

/// Appends an object of those of these members that there are: `sha256`, `headers`, `timings`, and what came with the
/// input
/// (`request::extra`); nothing where there are none.
void append_details(std::string& text, const request& asked, const record& result, json_fields with = {});

/// Appends the record as a line for a person at a terminal. Control characters, which a server might have sent to
/// drive the terminal, are shown as `\x1b`.
void append_readable(std::string& text, const request& asked, const record& result);

/// Appends the status and the header of a response, a line each, and an empty line, as `curl --head` prints them; in
/// the same way fit for a terminal.
void append_head(std::string& text, const record& result);

/// Appends `value` as a JSON string.
void append_json_string(std::string& text, std::string_view value);

/// `1234567` as "1.2 MB".
std::string readable_bytes(std::uint64_t bytes);

}  // namespace fanout::fetch
