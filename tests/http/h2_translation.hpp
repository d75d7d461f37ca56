#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Servers scripted in HTTP/1.1, for clients that speak HTTP/2.
namespace fanout_test {

/// The server's side of one HTTP/2 connection, between a client and a script. Requests become text of HTTP/1.1, one
/// after another in the order they began; the script's answers, in that order, become HEADERS and DATA. Names of fields
/// are written as HTTP/1.1 mostly does ("Content-Length"). It reads and writes no socket.
///
/// Thread safety: none.
class h2_translation {
 public:
  static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  h2_translation();
  h2_translation(const h2_translation&) = delete;
  ~h2_translation();

  /// What came from the client. False when it broke the protocol or ended the session.
  bool feed(std::string_view bytes);
  /// Appends what there is of requests.
  void take_requests(std::string& into);
  /// What the script sends.
  void answer(std::string_view bytes);
  /// The script sends no more: an answer that only this delimits is whole.
  void answer_ends();
  /// Frames for the client.
  std::string collect();
  /// DATA waits for credit of the client.
  bool blocked() const noexcept;

 private:
  struct stream {
    std::string request;  ///< not taken yet
    bool request_done = false;
    bool sized = false;
    bool head = false;
    bool closed = false;  ///< by the client: nothing more can be sent
    std::string body;     ///< not sent yet
    bool body_done = false;
    std::vector<std::pair<std::string, std::string>> trailers;
  };
  struct callbacks;
  enum class part { head, length, chunk_size, chunk, chunk_end, trailers, until_end };

  void head_done(std::int32_t id, const std::vector<std::pair<std::string, std::string>>& fields, bool end);
  void send_head(std::string_view text);
  void add_body(std::string_view bytes, bool last);
  void answered();
  stream* find(std::int32_t id);

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, stream> streams_;  ///< not closed
  std::deque<std::int32_t> to_take_;        ///< begun, not taken whole
  std::deque<std::int32_t> to_answer_;      ///< taken at least in part, not answered whole
  std::map<std::int32_t, bool> heads_;      ///< of those in `to_answer_`: the method was HEAD
  std::vector<std::pair<std::string, std::string>> fields_;
  std::string unparsed_;  ///< of answers
  part part_ = part::head;
  std::size_t left_ = 0;  ///< of a body or chunk
};

}  // namespace fanout_test
