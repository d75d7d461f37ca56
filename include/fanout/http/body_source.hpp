#pragma once

#include <fanout/base/task.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

/// \file
/// Bodies of requests that are not in memory.
namespace fanout::http {

/// The pieces of a body, one at each call; an empty one ends it. It runs on the loop of the exchange, and may wait as
/// long as the exchange as a whole may take.
using body_pieces = std::function<task<std::string>()>;

/// Where the body of a request comes from: a file, or a coroutine.
///
/// ```cpp
/// request.body_from = body_source::file("backup.tar");           // Content-Length: the size of the file
/// request.body_from = body_source::generated(rows_as_csv);       // chunked; rows_as_csv() makes a body_pieces
/// ```
///
/// A redirect (307, 308), a retry on a fresh connection, and a server that refuses `Expect` make a client send a body
/// again. A file, and a stream that is generated, begin from their start; one that can be had only once makes the
/// exchange fail instead, with a message that says so.
///
/// Thread safety: as any value. Copies of a `once` source share its one use.
class body_source {
 public:
  body_source() = default;

  /// The bytes of a regular file, read as they are sent. It is opened, and its size taken, when the request is sent: a
  /// file that cannot be read fails with kind `invalid_request`, and so does one that was cut short meanwhile. Reading
  /// a file blocks the loop for as long as the disk takes, at most 1 MiB before others have their turn.
  static body_source file(std::string path);
  /// `begin` is called for each sending. With a `length` the body has a Content-Length, and pieces that add up to
  /// anything else fail with kind `invalid_request`; otherwise it is chunked.
  static body_source generated(std::function<body_pieces()> begin, std::optional<std::uint64_t> length = {});
  /// Pieces that can be had once.
  static body_source once(body_pieces pieces, std::optional<std::uint64_t> length = {});

  bool empty() const noexcept { return !source_; }

  struct source;
  const std::shared_ptr<source>& get() const noexcept { return source_; }

 private:
  explicit body_source(std::shared_ptr<source> from) : source_(std::move(from)) {}
  std::shared_ptr<source> source_;
};

}  // namespace fanout::http
