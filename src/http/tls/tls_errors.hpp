#pragma once

#include <openssl/ssl.h>

#include <string>

/// \file
/// What OpenSSL reports, in words that say what to do.
namespace fanout::http {

/// OpenSSL's own words for an error code.
std::string openssl_reason(unsigned long code);

/// Why `session` failed, from this thread's first OpenSSL error. `host`: whose certificate was checked. `to_proxy`: it
/// is that of a proxy.
std::string describe_tls_failure(const SSL* session, const std::string& host, bool to_proxy, bool in_handshake);

}  // namespace fanout::http
