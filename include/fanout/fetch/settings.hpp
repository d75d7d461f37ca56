#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The settings of a bulk fetch.
namespace fanout::fetch {

/// One field of a form that is sent as multipart/form-data: `http::form_part`.
struct form_field {
  std::string name;
  std::string value = {};
  std::string file = {};          ///< path of a file, read as it is sent; instead of `value`
  std::string file_name = {};     ///< what the server is told
  std::string content_type = {};  ///< empty: as `http::form_part`

  bool operator==(const form_field&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, value, file, file_name, content_type);
  }
};

/// Who logs in where: an entry of a .netrc file.
struct netrc_entry {
  std::string machine;  ///< empty: all that no other entry names
  std::string login;
  std::string password;

  bool operator==(const netrc_entry&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(machine, login, password);
  }
};

/// What all exchanges of one fetch have in common; sent once to each worker process. Each member has a row in the table
/// of options (src/fetch/options/http_option_table.cpp).
struct settings {
  /// \name Bits of `protocols`
  /// @{
  static constexpr std::uint8_t http_protocol = 1;
  static constexpr std::uint8_t https_protocol = 2;
  static constexpr std::uint8_t both_protocols = http_protocol | https_protocol;
  /// @}

  std::int64_t timeout_ms = 300'000;            ///< the whole exchange with its redirects
  std::int64_t connect_timeout_ms = 30'000;     ///< look-up, connection and TLS handshake
  std::uint64_t max_body_bytes = 1ULL << 30;    ///< of one response
  std::uint64_t max_header_bytes = 256 * 1024;  ///< of one response's header
  std::uint64_t max_header_count = 1024;        ///< fields of it
  std::uint32_t max_decoding_ratio = 256;       ///< decoded over coded bytes, beyond the client's floor; 0: any
  std::int64_t idle_timeout_ms = 60'000;        ///< between two moments at which bytes moved
  std::uint64_t low_speed_bytes_per_s = 50;     ///< a transfer that is slower over a whole window fails; 0: none does
  std::int64_t low_speed_window_ms = 60'000;
  bool redirect_referer = false;    ///< the page that redirects is the Referer of what follows
  std::int32_t max_redirects = 10;  ///< 0: the redirect itself is the response
  bool keep_post_301 = false;       ///< a POST stays one after 301, with its body
  bool keep_post_302 = false;
  bool keep_post_303 = false;
  bool trust_redirects = false;                      ///< credentials go wherever redirects lead
  std::uint8_t protocols = both_protocols;           ///< of URLs that are asked for: `http_protocol`, `https_protocol`
  std::uint8_t redirect_protocols = both_protocols;  ///< of those that redirects lead to
  std::string default_scheme = "http";               ///< of URLs without one
  bool path_as_is = false;                           ///< dot segments stay in URLs that are asked for
  bool decode_content = true;                        ///< ask for compression and undo it
  bool verify_tls = true;
  std::string ca_file;                       ///< PEM file of the issuers to trust instead of the system's
  std::string certificate_file;              ///< PEM chain of the client certificate
  std::string key_file;                      ///< its key; empty: it is in the same file
  std::string digest;                        ///< "user:password", for servers that ask for Digest authentication
  bool basic_if_asked = false;               ///< `digest` is also for servers that ask for Basic authentication
  std::string authorization;                 ///< value of Authorization, for the origin of each URL
  bool use_cookies = false;                  ///< keep cookies and send them back; every process has a jar of its own
  std::string cookie_file;                   ///< which the jar begins with; empty: it begins empty
  std::string body_file;                     ///< sent where a request has no body of its own
  std::vector<form_field> form;              ///< the same
  std::vector<netrc_entry> netrc;            ///< users of hosts, where nothing else says who asks
  bool public_only = false;                  ///< refuse addresses that are not public
  std::vector<std::string> resolve;          ///< "host:port:address[,address]"
  std::vector<std::string> connect_to;       ///< "host1:port1:host2:port2"
  std::string unix_socket;                   ///< that all connections go to
  std::string interface;                     ///< device or address that connections leave by
  std::int32_t ip_version = 0;               ///< 4 or 6: only such addresses; 0: any
  std::string proxy;                         ///< "[scheme://][user:password@]host[:port]"
  std::string no_proxy;                      ///< hosts reached without it, as curl's --noproxy
  bool proxy_from_environment = false;       ///< of the process that sends
  bool verify_proxy_tls = true;              ///< of an https proxy
  std::string proxy_ca_file;                 ///< PEM file of the issuers to trust for it
  bool least_tls_1_3 = false;                ///< otherwise TLS 1.2
  std::uint8_t http_versions = 1;            ///< as `http::http_versions` counts them
  std::vector<std::string> without_headers;  ///< which the client would send by itself
  bool keep_body = false;                    ///< otherwise bytes are counted and dropped
  bool drop_failed_bodies = false;           ///< those of a status of 400 and above, as curl's --fail
  bool drop_bodies = false;                  ///< all of them
  bool digest_bodies = false;                ///< SHA-256 of each body
  bool verify_digests = false;               ///< a body whose SHA-256 is not that of its input is an error
  std::vector<std::string> opt_outs;         ///< rules of X-Robots-Tag that make a response an error, in lower case
  bool keep_headers = false;                 ///< of the response
  bool keep_timings = false;                 ///< and bytes on the wire
  /// Where bodies go as they come, instead of `keep_body`; written by the process that fetches. A file, for one
  /// request; a directory, with a '/' at its end, for a file of each request (`request::file`); "-" for standard
  /// output. Empty: nowhere. A file appears when it is whole (FILE.part until then).
  std::string body_path;
  /// Bodies up to this size for a directory, or for standard output, are given in the record instead. A request is not
  /// tried again once more than that of its body went to standard output.
  std::uint64_t held_body_bytes = 0;
  bool temporary_bodies = false;  ///< the directory is the job's own: failures do not name it
  bool overwrite_bodies = false;  ///< files of the directory that are there; otherwise they are an error
  bool remote_time = false;       ///< files of bodies get the time of Last-Modified
  bool skip_existing = false;     ///< send nothing where the file is there
  bool continue_parts = false;    ///< go on at what FILE.part has, if it is of the same page still
  /// The headers of all responses (`keep_heads`) are written before the body, where `body_path` is a file or standard
  /// output.
  bool heads_before_body = false;
  bool keep_trace = false;             ///< the messages as a text for a person
  bool show_trace = false;             ///< that text goes to standard error as they come, and is not kept
  bool number_trace = false;           ///< each of its lines begins with the request's number in the list
  bool time_trace = false;             ///< and with the time of day
  std::string trace_file;              ///< all that is sent and received goes there, bodies too; "-", "%": both outputs
  bool trace_in_hex = false;           ///< in hexadecimal, too
  bool keep_heads = false;             ///< the headers of all responses as text, redirects included
  bool keep_messages = false;          ///< all requests and responses, and what came of a body that was cut
  bool keep_coding = false;            ///< with `decode_content`: ask for compression, and do not undo it
  std::uint64_t limit_rate = 0;        ///< bytes of each body per second; 0: no limit
  std::uint32_t retries = 0;           ///< of a failure that may pass
  std::int64_t retry_delay_ms = 0;     ///< before each; 0: 1 s, and twice as long each time
  std::int64_t retry_max_time_ms = 0;  ///< after which none begins; 0: no limit
  bool retry_all_errors = false;       ///< whatever the failure is
  bool retry_refused = false;          ///< also when a connection is refused

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
