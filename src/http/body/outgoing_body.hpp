#pragma once

#include <fanout/http/body_source.hpp>
#include <fanout/http/request.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// A request's body on its way out.
namespace fanout::http {

struct body_source::source {
  std::string path;                     ///< of a file; else empty
  std::function<body_pieces()> begin;   ///< of a stream
  std::optional<std::uint64_t> length;  ///< of a stream, if known
  bool only_once = false;
  bool used = false;  ///< `only_once`, and a piece was taken
};

/// The body of one request, piece by piece, as it is sent; a stream frames the pieces as its version of HTTP does.
/// Thread safety: none.
class outgoing_body {
 public:
  outgoing_body() = default;
  outgoing_body(const outgoing_body&) = delete;
  outgoing_body& operator=(const outgoing_body&) = delete;
  ~outgoing_body() { close(); }

  /// Looks at the body of `what`, which must outlive its sending. Throws a `fanout::error` of kind `invalid_request`
  /// for a file that cannot be read, and of kind `refused_by_policy` for a body that was sent and can be had only once.
  void open(const request& what);
  /// Before each sending.
  void rewind();
  /// Frees what it holds.
  void close() noexcept;

  bool any() const noexcept { return memory_ || from_; }
  bool in_memory() const noexcept { return memory_ != nullptr; }
  /// Empty when it is not known beforehand. Valid after `open`.
  std::optional<std::uint64_t> length() const noexcept { return length_; }
  bool can_be_sent_again() const noexcept { return !from_ || !from_->only_once || !from_->used; }

  enum class next { bytes, pull, end };
  /// The request's observer is told of pieces that are not in memory; of others, whoever sends them tells it.
  /// The next bytes to send are in `into`; or the stream has to be asked, by awaiting `pull`; or there are no more.
  next take(std::string_view& into) {
    const next given = take_next(into);
    if (given == next::bytes && observer_ != nullptr && memory_ == nullptr) tell(into);
    return given;
  }
  /// What `take` gave last of a body that is not in memory, to be framed where it lies.
  std::string& piece() noexcept { return piece_; }
  task<void> pull();

 private:
  next take_next(std::string_view& into);
  void tell(std::string_view piece) const;
  next read_file(std::string_view& into);
  void check_whole() const;

  exchange_observer* observer_ = nullptr;
  const std::string* memory_ = nullptr;
  std::shared_ptr<body_source::source> from_;
  std::optional<std::uint64_t> length_;
  body_pieces pieces_;
  std::string piece_;
  std::uint64_t given_ = 0;
  int file_ = -1;
  bool pulled_ = false;  ///< piece_ is new
  bool ended_ = false;
};

}  // namespace fanout::http
