#pragma once

#include <fanout/base/task.hpp>
#include <fanout/http/response.hpp>

#include <string_view>

/// \file
/// Where the body of one response goes, piece by piece.
namespace fanout::fetch {

/// Takes a body as it comes from the connection, its codings undone.
///
///     class line_counter final : public fanout::fetch::body_sink {
///      public:
///       fanout::task<void> write(std::string_view piece) override {
///         lines += std::count(piece.begin(), piece.end(), '\n');
///         co_return;
///       }
///       std::int64_t lines = 0;
///     };
///
///     line_counter into;
///     const fanout::fetch::record got = co_await fanout::fetch::exchange(with, what, into);
///
/// The calls are `begin`, `write` for each piece, and `finish`; or at any point `cut` instead, and nothing after it.
/// Nothing is read from the connection while a `write` is under way: a sink that takes its time holds up the server,
/// and no other exchange of the loop, as long as it awaits instead of blocking. Pieces have at most some 128 KiB.
///
/// What `begin`, `write` and `finish` throw ends the exchange. Thread safety: none; all calls come from the loop of the
/// exchange. It must outlive the exchange.
class body_sink {
 public:
  body_sink() = default;
  body_sink(const body_sink&) = delete;
  body_sink& operator=(const body_sink&) = delete;
  virtual ~body_sink() = default;

  /// The header of the response whose body follows: redirects are behind it.
  virtual void begin(const http::response& /*head*/) {}
  /// `piece` holds until the task ends.
  virtual task<void> write(std::string_view piece) = 0;
  /// The body is whole.
  virtual void finish() {}
  /// The rest of the body will not come: the connection broke, a limit was reached, or the exchange was cancelled.
  virtual void cut() noexcept {}
};

}  // namespace fanout::fetch
