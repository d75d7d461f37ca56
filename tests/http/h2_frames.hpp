#pragma once

#include "http/scripted_server.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// \file
/// Frames of HTTP/2, byte by byte, for servers that do what real ones would not (RFC 9113 sections 4 and 6).
namespace fanout_test {

namespace h2_type {
enum : std::uint8_t {
  data,
  headers,
  priority,
  rst_stream,
  settings,
  push_promise,
  ping,
  goaway,
  window_update,
  continuation
};
}
namespace h2_flag {
enum : std::uint8_t { end_stream = 1, ack = 1, end_headers = 4 };
}

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

inline std::string h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  return big_endian(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + big_endian(stream, 4) +
         std::string(payload);
}

inline std::string h2_setting(std::uint16_t name, std::uint32_t value) {
  return big_endian(name, 2) + big_endian(value, 4);
}
inline std::string h2_settings(std::string_view settings = {}) {
  return h2_frame(h2_type::settings, 0, 0, settings);
}

/// A field as it is, in no table (RFC 7541 section 6.2.2); up to 126 bytes each.
inline std::string h2_field(std::string_view name, std::string_view value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + std::string(name) + static_cast<char>(value.size()) +
         std::string(value);
}
inline const std::string h2_status_200 = "\x88";

inline std::string h2_headers(std::uint32_t stream, std::string_view block, std::uint8_t more_flags = 0) {
  return h2_frame(h2_type::headers, static_cast<std::uint8_t>(h2_flag::end_headers | more_flags), stream, block);
}
inline std::string h2_data(std::uint32_t stream, std::string_view bytes, std::uint8_t flags = 0) {
  return h2_frame(h2_type::data, flags, stream, bytes);
}
inline std::string h2_reset(std::uint32_t stream, std::uint32_t code) {
  return h2_frame(h2_type::rst_stream, 0, stream, big_endian(code, 4));
}
inline std::string h2_goaway(std::uint32_t last, std::uint32_t code) {
  return h2_frame(h2_type::goaway, 0, 0, big_endian(last, 4) + big_endian(code, 4));
}
/// A whole small answer.
inline std::string h2_answer(std::uint32_t stream, std::string_view body) {
  return h2_headers(stream, h2_status_200) + h2_data(stream, body, h2_flag::end_stream);
}

struct h2_received {
  std::uint8_t type = 0xff;  ///< 0xff: the client closed
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};

inline h2_received h2_read(peer& from) {
  h2_received frame;
  const std::string head = from.read_exactly(9);
  if (head.size() < 9) return frame;
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(head[at])); };
  const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
  frame.payload = from.read_exactly(size);
  if (frame.payload.size() < size) return frame;
  frame.type = static_cast<std::uint8_t>(byte(3));
  frame.flags = static_cast<std::uint8_t>(byte(4));
  frame.stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
  return frame;
}

/// The client's preface; false when something else came.
inline bool h2_greet(peer& with, std::string_view settings = {}) {
  if (with.read_exactly(24) != "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") return false;
  return with.send(h2_settings(settings) + h2_frame(h2_type::settings, h2_flag::ack, 0, ""));
}

/// The next request's stream, other frames skipped; 0 when the client closed.
inline std::uint32_t h2_next_request(peer& from) {
  for (;;) {
    const h2_received frame = h2_read(from);
    if (frame.type == 0xff) return 0;
    if (frame.type == h2_type::headers) return frame.stream;
  }
}

/// Greets, and plays `answer(peer, stream, n)` for the n-th request of each connection.
inline scripted_server::script h2_server(std::function<void(peer&, std::uint32_t, int)> answer,
                                         std::string settings = {}) {
  return [answer = std::move(answer), settings = std::move(settings)](peer& with, int) {
    if (!h2_greet(with, settings)) return;
    int count = 0;
    for (std::uint32_t stream; (stream = h2_next_request(with)) != 0; ++count) answer(with, stream, count);
  };
}

}  // namespace fanout_test
