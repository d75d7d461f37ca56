#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/response.hpp>

#include "http/body/response_body.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// From the fields and DATA of HTTP/2 to a `response`.
namespace fanout::http {

/// One response, interim (1xx) ones skipped. nghttp2 has checked already what RFC 9113 section 8 asks of fields, and
/// that DATA is as long as Content-Length says; here the client's limits are kept, while fields are decoded, and a
/// content coding is undone. What returns a bool returns false when the response is refused; `raise` says why.
///
/// As with HTTP/1.1, the body of a redirect that is followed is read past, and however it ends, the response is
/// complete.
///
/// Thread safety: none.
class h2_response {
 public:
  /// `head_request`: there is no body, whatever the header says. `into`: where the response comes to lie, whose memory
  /// is used again. Both `options` and `into` must outlive it.
  h2_response(const client_options& options, bool head_request, bool keep_body, response& into);

  void begin_fields();
  bool field(std::string_view name, std::string_view value);
  bool end_fields();
  bool data(std::string_view bytes);
  /// All of it came.
  bool end();

  bool got_some() const noexcept { return got_some_; }
  bool continued() const noexcept { return continued_; }
  /// The header of the final response, not of an interim one, came and was accepted. Stays true if the body breaks.
  bool header_done() const noexcept { return header_done_; }
  bool complete() const noexcept { return state_ == state::complete; }
  bool failed() const noexcept { return state_ == state::broken; }
  int status() const noexcept { return result_.status; }
  std::string how_far() const;
  [[noreturn]] void raise(const std::string& from) const;
  /// What is missing is the body of a redirect, which nobody wants: the response is complete without.
  bool forgo_body() noexcept;

  /// The response is told what is known of its body.
  void conclude() noexcept;

  /// \name For a response read bit by bit
  /// @{
  void keep_at_most(std::size_t bytes) noexcept { body_.keep_at_most(bytes); }
  response take_head();
  const headers& trailers() const noexcept { return result_.trailers; }
  bool kept_whole() const noexcept { return unwanted_ && options_.keep_redirect_bodies; }
  std::string& body() noexcept { return body_.text(); }
  const std::string& body() const noexcept { return body_.text(); }
  bool decode_more();
  bool exhausted() const noexcept { return complete() && body_.decoded(); }
  std::uint64_t body_bytes() const noexcept { return body_.bytes(); }
  std::uint64_t coded_bytes() const noexcept { return body_.coded_bytes(); }
  /// @}

 private:
  enum class state { header, body, trailers, complete, broken };
  enum class fault { none, header_limit, body, interim_limit, switched, no_status };

  bool fail(fault what) noexcept;
  bool begin_body();

  const client_options& options_;
  response& result_;
  response_body body_;
  std::uint64_t expected_bytes_ = 0;
  int interim_ = 0;
  state state_ = state::header;
  fault fault_ = fault::none;
  bool head_request_;
  bool got_some_ = false;
  bool header_done_ = false;
  bool continued_ = false;
  bool length_known_ = false;
  bool names_coding_ = false;
  bool unwanted_ = false;
};

}  // namespace fanout::http
