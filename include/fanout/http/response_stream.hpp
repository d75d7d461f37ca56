#pragma once

#include <fanout/base/task.hpp>
#include <fanout/http/response.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

/// \file
/// A response whose body is read bit by bit.
namespace fanout::http {

/// What `client::open` gives: the header of the response is there, and the body is taken from the connection as it is
/// asked for. A body that nobody reads stays with the server: some 200 KB of it are held here, and no more.
///
/// ```cpp
/// http::response_stream page = co_await client.open(request);
/// for (;;) {
///   const std::string piece = co_await page.read_some();
///   if (piece.empty()) break;
///   use(piece);
/// }
/// ```
///
/// The deadlines between bytes run while somebody reads, the total one is looked at then. The limit on a body's size
/// holds for a streamed one, too (`client_options::max_body_bytes`). Failures are those of `client::send`.
///
/// Thread safety: none; use it on the loop it was opened on, and destroy it there, before the loop. Destroying it
/// before the end of the body closes the connection; at the end the connection goes back to the pool.
class response_stream {
 public:
  response_stream(response_stream&& other) noexcept;
  response_stream& operator=(response_stream&& other) noexcept;
  ~response_stream();

  /// Status, header, URL and measurements up to the header; no body.
  const response& head() const noexcept;
  int status() const noexcept { return head().status; }

  /// Waits until there is some of the body, and moves it into `into`; returns how many bytes, 0 at the end.
  task<std::size_t> read_some(std::span<char> into);
  /// The same, as much as there is; empty at the end.
  task<std::string> read_some();
  /// The same without moving it: a view that holds until the stream is used again; empty at the end.
  task<std::string_view> next_piece();
  /// All that is left.
  task<std::string> read_all();

  /// Valid at the end: the fields behind the body, and the bytes and times of the whole exchange.
  const headers& trailers() const noexcept;

  struct state;
  explicit response_stream(std::unique_ptr<state> made) noexcept;

 private:
  std::unique_ptr<state> state_;
};

}  // namespace fanout::http
