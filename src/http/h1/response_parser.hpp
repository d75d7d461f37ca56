#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/response.hpp>

#include "http/body/response_body.hpp"
#include "http/message/header_lines.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// From bytes to a `response`.
namespace fanout::http {

/// Reads one response, interim (1xx) ones skipped, out of whatever pieces the bytes arrive in.
///
/// It takes what RFC 9112 lets a server send, and nothing that two readers could understand differently: bare CR, bare
/// LF after lines that end in CR LF and anywhere in chunks, lengths that differ, a length beside a transfer coding, a
/// folded length. Such a message fails with the section it breaks. What has one meaning only is taken, although a
/// server should not send it: equal lengths, a folded field, blanks after a chunk's size, a header whose lines all end
/// in bare LF, a length where the status allows no body. After one of the last two the connection carries no other
/// exchange. (Rejected: Beast's parser. It needs the whole header in one piece, looks every field name up in a table,
/// and took a quarter of the user time of a small response. The tests and the fuzzer still compare.) A content coding
/// is undone on the way.
///
/// The body of a redirect that the client follows is read past, for the sake of the connection: not decoded, and
/// however it ends, the message is complete.
///
/// Thread safety: none.
class response_parser {
 public:
  /// `head_request`: a response to HEAD has no body whatever its headers say (RFC 9112 section 6.3). `into`: where the
  /// response comes to lie, whose memory is used again. Both `options` and `into` must outlive the parser.
  response_parser(const client_options& options, bool head_request, bool keep_body, response& into);

  struct progress {
    std::size_t used;     ///< bytes consumed; the rest must be given again with more behind it
    bool failed = false;  ///< the message is malformed or above a limit: `raise` says how
  };
  progress put(std::string_view bytes);
  /// The peer closed. True when that ends the message properly; otherwise the message is cut short.
  bool put_end();
  /// No more bytes will come. True when what is missing is the body of a redirect: the message is complete without.
  bool forgo_body() noexcept;

  bool failed() const noexcept { return state_ == state::broken; }
  /// A "100 Continue" came.
  bool continued() const noexcept { return continued_; }
  bool complete() const noexcept { return state_ == state::complete; }
  bool got_some() const noexcept { return got_some_; }
  /// The header of the final response, not of an interim one, was read and accepted. Stays true if the body breaks.
  bool header_done() const noexcept { return header_done_; }
  /// The body ends where the connection does.
  bool ends_with_connection() const noexcept { return state_ == state::body_until_close || ended_by_close_; }
  /// Whether the connection may carry another exchange. Valid once complete.
  bool keep_alive() const noexcept;

  /// The body of a redirect that the options say to keep: also of a streamed response it is read as a whole, before
  /// the head is told.
  bool kept_whole() const noexcept { return unwanted_ && options_.keep_redirect_bodies; }
  /// "12 of 100 bytes of the body", "the header": how far a cut-off message came.
  std::string how_far() const;
  /// A failure for what `put` reported.
  [[noreturn]] void raise(const std::string& from) const;

  /// The message is complete, or gone on with no more: the response is told what is known of its body.
  void conclude() noexcept;

  /// \name For a response read bit by bit
  /// @{
  /// From now on decoding stops when this many bytes lie there untaken.
  void keep_at_most(std::size_t bytes) noexcept { body_.keep_at_most(bytes); }
  /// All but the body, which goes on in the response that the parser has. Valid once the header is done.
  response take_head();
  const headers& trailers() const noexcept { return result_.trailers; }
  /// Bytes of the body that lie there untaken.
  std::string& body() noexcept { return body_.text(); }
  /// Decodes what was left for want of room. False as `put` fails.
  bool decode_more();
  /// The message is complete and its body decoded to the end.
  bool exhausted() const noexcept { return complete() && body_.decoded(); }
  std::uint64_t body_bytes() const noexcept { return body_.bytes(); }
  std::uint64_t coded_bytes() const noexcept { return body_.coded_bytes(); }
  /// @}

  int status() const noexcept { return result_.status; }

 private:
  // In the order a message goes through them.
  enum class state {
    status_line,
    fields,
    body_of_length,
    body_until_close,
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    complete,
    broken
  };
  enum class parse_error { none, malformed, header_limit, body, chunk_limit, interim_limit, switched, transfer_coding };

  bool fail(parse_error what, const char* why = nullptr) noexcept;
  bool read_line(std::string_view line);
  bool read_status_line(std::string_view line);
  bool read_field(std::string_view line);
  bool refuse_field(std::string_view line);
  bool read_folded(std::string_view line);
  bool read_bare_line(std::string_view line);
  void read_framing_field(std::string_view name, std::string_view value);
  void read_content_length(std::string_view value);
  void read_transfer_coding(std::string_view value);
  void read_connection(std::string_view value);
  bool read_chunk_size(std::string_view line);
  bool end_header();
  bool begin_body();
  bool end_interim();
  bool begin_unwanted_body();
  bool store_body(std::string_view bytes) { return body_.store(bytes) || fail(parse_error::body); }
  bool end_body();

  const client_options& options_;
  response& result_;
  response_body body_;
  header_lines lines_;                ///< that were read, of the bytes that `put` has
  std::uint64_t expected_bytes_ = 0;  ///< of the body, when its length is known
  std::uint64_t left_ = 0;            ///< of the body, or of the chunk
  std::size_t scanned_ = 0;           ///< bytes given before, and not used, that hold no end of line
  std::size_t metadata_bytes_ = 0;    ///< of chunk sizes' extensions
  const char* why_ = nullptr;
  const char* framing_error_ = nullptr;  ///< why the header does not say how long a body is; matters if there is one
  std::string other_coding_;             ///< the first transfer coding that is not supported
  int interim_ = 0;
  state state_ = state::status_line;
  parse_error error_ = parse_error::none;
  bool head_request_;
  bool got_some_ = false;
  bool header_done_ = false;
  bool continued_ = false;
  bool old_version_ = false;  ///< HTTP/1.0
  bool has_length_ = false;
  bool chunked_ = false;
  bool has_other_coding_ = false;
  bool bare_lines_ = false;  ///< this header's lines end in LF alone
  bool no_reuse_ = false;    ///< bytes may follow that are not the next response
  bool unwanted_ = false;    ///< the body of a redirect that is followed
  bool says_close_ = false;
  bool says_keep_alive_ = false;
  bool names_coding_ = false;
  bool length_known_ = false;
  bool ended_by_close_ = false;
};

}  // namespace fanout::http
