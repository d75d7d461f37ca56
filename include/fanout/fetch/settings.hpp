#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The settings of a bulk fetch.
namespace fanout::fetch {

/// What all exchanges of one fetch have in common; sent once to each worker process. Each member has a row in the table
/// of options (src/fetch/http_option_table.cpp).
struct settings {
  std::int64_t timeout_ms = 300'000;            ///< the whole exchange with its redirects
  std::int64_t connect_timeout_ms = 30'000;     ///< look-up, connection and TLS handshake
  std::uint64_t max_body_bytes = 1ULL << 30;    ///< of one response
  std::uint64_t max_header_bytes = 256 * 1024;  ///< of one response's header
  std::uint64_t max_header_count = 1024;        ///< fields of it
  std::uint32_t max_decoding_ratio = 256;       ///< decoded over coded bytes, beyond the client's floor; 0: any
  std::int64_t idle_timeout_ms = 60'000;        ///< between two moments at which bytes moved
  std::int32_t max_redirects = 10;              ///< 0: the redirect itself is the response
  bool decode_content = true;                   ///< ask for compression and undo it
  bool verify_tls = true;
  std::string ca_file;                       ///< PEM file of the issuers to trust instead of the system's
  std::string certificate_file;              ///< PEM chain of the client certificate
  std::string key_file;                      ///< its key; empty: it is in the same file
  std::string authorization;                 ///< value of Authorization, for the origin of each URL
  bool use_cookies = false;                  ///< keep cookies and send them back; every process has a jar of its own
  std::string cookie_file;                   ///< which the jar begins with; empty: it begins empty
  std::string body_file;                     ///< sent where a request has no body of its own
  bool public_only = false;                  ///< refuse addresses that are not public
  std::vector<std::string> resolve;          ///< "host:port:address[,address]"
  std::string proxy;                         ///< "[scheme://][user:password@]host[:port]"
  std::string no_proxy;                      ///< hosts reached without it, as curl's --noproxy
  bool proxy_from_environment = false;       ///< of the process that sends
  bool verify_proxy_tls = true;              ///< of an https proxy
  std::string proxy_ca_file;                 ///< PEM file of the issuers to trust for it
  bool least_tls_1_3 = false;                ///< otherwise TLS 1.2
  std::uint8_t http_versions = 0;            ///< as `http::http_versions` counts them
  std::vector<std::string> without_headers;  ///< which the client would send by itself
  bool keep_body = false;                    ///< otherwise bytes are counted and dropped
  bool keep_headers = false;                 ///< of the response
  bool keep_timings = false;                 ///< and bytes on the wire
  /// Where bodies go as they come, instead of `keep_body`; written by the process that fetches. A file, for one
  /// request; a directory, with a '/' at its end, for a file of each request (`request::file`); "-" for standard
  /// output. Empty: nowhere. A file appears when it is whole (FILE.part until then).
  std::string body_path;
  std::uint64_t held_body_bytes = 0;  ///< bodies up to this size for a directory are given in the record instead
  bool overwrite_bodies = false;      ///< files of the directory that are there; otherwise they are an error
  bool skip_existing = false;         ///< send nothing where the file is there
  bool continue_parts = false;        ///< go on at what FILE.part has, if it is of the same page still

  bool operator==(const settings&) const = default;

  template <class Archive>
  void save(Archive& archive) const;
  template <class Archive>
  void load(Archive& archive);
};

/// As they travel, by the table of options (http_options.hpp). To read what is not all settings throws a
/// `fanout::error` of kind `protocol`.
std::string encoded(const settings& all);
settings decoded(std::string_view bytes);

template <class Archive>
void settings::save(Archive& archive) const {
  archive(encoded(*this));
}
template <class Archive>
void settings::load(Archive& archive) {
  std::string bytes;
  archive(bytes);
  *this = decoded(bytes);
}

}  // namespace fanout::fetch
