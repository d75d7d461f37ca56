#pragma once

#include <fanout/base/saturated_time.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace fanout::origin {

/// What a server is to do.
struct options {
  std::string address = "127.0.0.1";                   ///< an IPv4 or IPv6 address, or "localhost" (127.0.0.1)
  std::uint16_t port = 0;                              ///< 0: any free port, see `server::port`
  any_duration<std::chrono::milliseconds> latency{0};  ///< delays every response, on top of what its endpoint says
  bool tls = false;                                    ///< TLS 1.2 or 1.3
  std::string certificate_file = {};        ///< PEM chain; empty: a self-signed one for localhost, 127.0.0.1 and ::1
  std::string key_file = {};                ///< PEM private key of `certificate_file`; both or neither
  std::uint64_t max_body_bytes = 16 << 20;  ///< of a request; a longer one is answered with 413
  // HTTP/2 is spoken where a client chooses it by ALPN or begins with its preface (RFC 9113 section 3).
  bool http_2 = true;
  std::uint32_t max_streams = 1000;           ///< requests at a time on a connection (SETTINGS_MAX_CONCURRENT_STREAMS)
  std::uint32_t request_window = 1 << 20;     ///< bytes of a request's body before there is credit for more; 0: never
  std::uint64_t requests_per_connection = 0;  ///< then GOAWAY; 0: any number
  std::uint64_t refuse_every = 0;             ///< each so-manieth request is reset with REFUSED_STREAM; 0: none
};

}  // namespace fanout::origin
