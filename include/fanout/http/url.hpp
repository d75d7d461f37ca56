#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// An absolute http or https URL, checked and ready to be sent.
namespace fanout::http {

/// An http(s) URL as a value: parsed once, then only read.
///
/// A URL is parsed and written as the WHATWG URL standard says, which is what browsers do: outer spaces and controls,
/// tabs and ends of line are dropped, spaces, non-ASCII bytes, and what else the standard names are percent-encoded,
/// dot segments are removed, scheme and host become lower case, a default port and the fragment are dropped, an empty
/// path becomes "/", a backslash before the query is a slash. A host in another script becomes ASCII (UTS 46,
/// non-transitional), and one that ends in a number is an IPv4 address in any of the spellings the standard knows:
/// "http://0x7f.1/" is "http://127.0.0.1/". Other schemes, a missing host or a bad port are refused with a
/// `fanout::error` of kind `invalid_request` that says what is wrong. docs/http-client.md lists what differs from the
/// standard.
///
/// ```cpp
/// http::url page("HTTP://Example.org:80/a b?q=ü#top");
/// page.str();     // "http://example.org/a%20b?q=%C3%BC"
/// page.target();  // "/a%20b?q=%C3%BC"
/// http::url("http://bücher.example").host();  // "xn--bcher-kva.example"
/// ```
///
/// Thread safety: as any value.
class url {
 public:
  /// The empty URL: nothing can be sent to it.
  url() = default;
  explicit url(std::string_view text);

  /// The same with its dot segments left as they are ("/a/../b"), as curl's --path-as-is.
  static url with_dots(std::string_view text);

  /// As `*this = url(text)`, with the memory that it has.
  void assign(std::string_view text);

  bool empty() const noexcept { return text_.empty(); }
  bool secure() const noexcept { return secure_; }
  std::string_view scheme() const noexcept { return secure_ ? "https" : "http"; }
  /// Lower case and ASCII; an IPv6 address without its brackets.
  std::string_view host() const noexcept { return std::string_view(text_).substr(host_begin_, host_size_); }
  std::uint16_t port() const noexcept { return port_; }
  /// The zone of an IPv6 address, "eth0" of "http://[fe80::1%25eth0]/" (RFC 6874); else empty. It says which of this
  /// machine's networks the address is on: connections need it, and no header has it.
  std::string_view zone() const noexcept {
    return zone_size_ == 0 ? std::string_view{}
                           : std::string_view(text_).substr(host_begin_ + host_size_ + zone_mark.size(), zone_size_);
  }
  /// Host and, unless it is the scheme's default, port; IPv6 in brackets, with its zone.
  std::string_view authority() const noexcept;
  /// The same without a zone: the Host header.
  std::string host_header() const;
  /// The same with the port in any case, for messages.
  std::string host_and_port() const;
  /// Scheme, host and port: what a connection is made to.
  std::string_view origin() const noexcept { return std::string_view(text_).substr(0, target_begin_); }
  /// Path and query, as sent in the request line.
  std::string_view target() const noexcept { return std::string_view(text_).substr(target_begin_); }
  /// The whole URL, without user name, password and fragment.
  const std::string& str() const noexcept { return text_; }
  /// "user:password" with percent-encoding removed; empty when the URL names no user.
  const std::string& userinfo() const noexcept { return userinfo_; }

  /// The URL that `reference` (a Location header, a link) means when found on this page.
  /// Errors as for the constructor.
  url resolve(std::string_view reference) const;

  friend bool operator==(const url& left, const url& right) noexcept {
    return left.text_ == right.text_ && left.userinfo_ == right.userinfo_;
  }

 private:
  static constexpr std::string_view zone_mark = "%25";

  bool parse_plain(std::string_view text);
  void parse_general(std::string_view text, bool keeps_dots);

  std::string text_;
  std::string userinfo_;
  std::uint32_t host_size_ = 0;
  std::uint32_t target_begin_ = 0;
  std::uint16_t port_ = 0;
  std::uint8_t host_begin_ = 0;
  std::uint8_t zone_size_ = 0;
  bool secure_ = false;
};

}  // namespace fanout::http
