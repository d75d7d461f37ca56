#pragma once

#include <fanout/http/client.hpp>
#include <fanout/http/response.hpp>

#include <boost/beast/http/basic_parser.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// From bytes to a `response`.
namespace fanout::http {

/// Reads one response, interim (1xx) ones skipped, out of whatever pieces the bytes arrive in.
///
/// Beast's parser knows the grammar and the framing (RFC 9112); this class stores what it finds: fields into
/// `http::headers`, the body into a string or only into a count. Thread safety: none.
class response_parser {
 public:
  /// `head_request`: a response to HEAD has no body whatever its headers say (RFC 9112 section 6.3).
  /// `options` must outlive the parser.
  response_parser(const client_options& options, bool head_request, bool keep_body);

  struct progress {
    std::size_t used;                    ///< bytes consumed; the rest must be given again with more behind it
    boost::system::error_code failed{};  ///< set when the message is malformed or above a limit
  };
  progress put(std::string_view bytes);
  /// The peer closed. True when that ends the message properly; otherwise the message is cut short.
  bool put_end();

  bool complete() const noexcept { return message_ && message_->is_done(); }
  bool got_some() const noexcept { return got_some_; }
  bool header_done() const noexcept { return message_ && message_->is_header_done(); }
  /// The body ends where the connection does.
  bool ends_with_connection() const { return header_done() && message_->need_eof(); }
  /// Whether the connection may carry another exchange. Valid once complete.
  bool keep_alive() const { return message_->keep_alive(); }

  /// "12 of 100 bytes of the body", "the header": how far a cut-off message came.
  std::string how_far() const;
  /// A failure for what `put` reported.
  [[noreturn]] void raise(boost::system::error_code failed, const std::string& from) const;

  response take() { return std::move(result_); }
  int status() const noexcept { return result_.status; }

 private:
  /// Beast's parser with our storage behind it.
  class message final : public boost::beast::http::basic_parser<false> {
   public:
    explicit message(response_parser& owner);

   private:
    using error_code = boost::beast::error_code;
    using string_view = boost::beast::string_view;
    using field = boost::beast::http::field;
    using verb = boost::beast::http::verb;
    void on_request_impl(verb, string_view, string_view, int, error_code&) override {}
    void on_response_impl(int status, string_view reason, int version, error_code& failed) override;
    void on_field_impl(field, string_view name, string_view value, error_code& failed) override;
    void on_header_impl(error_code& failed) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& failed) override;
    std::size_t on_body_impl(string_view body, error_code& failed) override;
    void on_chunk_header_impl(std::uint64_t size, string_view extensions, error_code& failed) override;
    std::size_t on_chunk_body_impl(std::uint64_t left, string_view body, error_code& failed) override;
    void on_finish_impl(error_code&) override {}
    response_parser& owner_;
  };

  std::size_t store_body(std::string_view body, boost::system::error_code& failed);

  const client_options& options_;
  std::optional<message> message_;
  response result_;
  headers trailers_;  ///< counted against the limits, then dropped
  std::uint64_t expected_bytes_ = 0;
  int interim_ = 0;
  bool head_request_;
  bool keep_body_;
  bool got_some_ = false;
  bool length_known_ = false;
};

}  // namespace fanout::http
