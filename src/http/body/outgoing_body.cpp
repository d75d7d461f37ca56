#include "http/body/outgoing_body.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>
#include <fanout/http/exchange_observer.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace fanout::http {
namespace {

constexpr std::size_t file_piece = 64 * 1024;

[[noreturn]] void refuse_file(const std::string& path, const std::string& why) {
  throw error(failure_kind::invalid_request, fmt::format("the body cannot be read from '{}': {}", path, why));
}

}  // namespace

body_source body_source::file(std::string path) {
  auto made = std::make_shared<source>();
  made->path = std::move(path);
  return body_source(std::move(made));
}

body_source body_source::generated(std::function<body_pieces()> begin, std::optional<std::uint64_t> length) {
  auto made = std::make_shared<source>();
  made->begin = std::move(begin);
  made->length = length;
  return body_source(std::move(made));
}

body_source body_source::once(body_pieces pieces, std::optional<std::uint64_t> length) {
  body_source made = generated([pieces = std::move(pieces)] { return pieces; }, length);
  made.source_->only_once = true;
  return made;
}

void outgoing_body::open(const request& what) {
  close();
  observer_ = what.observer;
  if (what.body_from.empty()) {
    if (what.body.empty()) return;
    memory_ = &what.body;
    length_ = what.body.size();
    return;
  }
  if (!what.body.empty())
    throw error(failure_kind::invalid_request, "the request has two bodies, 'body' and 'body_from'");
  from_ = what.body_from.get();
  if (!can_be_sent_again())
    throw error(failure_kind::refused_by_policy,
                fmt::format("the body for {} can be had only once, and was sent already", what.url.str()));
  length_ = from_->length;
  if (from_->path.empty()) return;
  file_ = ::open(from_->path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat state{};
  if (file_ < 0 || ::fstat(file_, &state) != 0) refuse_file(from_->path, std::strerror(errno));
  if (!S_ISREG(state.st_mode)) refuse_file(from_->path, "it is not a regular file");
  length_ = static_cast<std::uint64_t>(state.st_size);
}

void outgoing_body::rewind() {
  given_ = 0;
  pulled_ = ended_ = false;
  if (from_ && file_ < 0) pieces_ = from_->begin();
}

void outgoing_body::close() noexcept {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  observer_ = nullptr;
  memory_ = nullptr;
  from_.reset();
  pieces_ = nullptr;
  length_.reset();
  piece_ = {};
}

void outgoing_body::tell(std::string_view piece) const {
  observer_->on_sent_body(piece);
}

outgoing_body::next outgoing_body::take_next(std::string_view& into) {
  if (ended_) return next::end;
  if (memory_) {
    ended_ = true;
    into = *memory_;
    return next::bytes;
  }
  if (file_ >= 0) return read_file(into);
  if (!std::exchange(pulled_, false)) return next::pull;
  given_ += piece_.size();
  ended_ = piece_.empty();
  if (length_ && (ended_ || given_ > *length_)) check_whole();
  if (ended_) return next::end;
  into = piece_;
  return next::bytes;
}

outgoing_body::next outgoing_body::read_file(std::string_view& into) {
  const std::uint64_t left = *length_ - given_;
  ended_ = left == 0;
  if (ended_) return next::end;
  piece_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left, file_piece)));
  const auto count = ::pread(file_, piece_.data(), piece_.size(), static_cast<off_t>(given_));
  if (count < 0) refuse_file(from_->path, std::strerror(errno));
  if (count == 0) refuse_file(from_->path, "it became shorter while it was sent");
  given_ += static_cast<std::uint64_t>(count);
  into = std::string_view(piece_).substr(0, static_cast<std::size_t>(count));
  return next::bytes;
}

void outgoing_body::check_whole() const {
  if (given_ == *length_) return;
  throw error(failure_kind::invalid_request,
              fmt::format("the body's stream gave {} bytes where its length is {}", given_, *length_));
}

task<void> outgoing_body::pull() {
  from_->used = true;
  auto asking = pieces_();
  piece_ = co_await std::move(asking);
  pulled_ = true;
}

}  // namespace fanout::http
