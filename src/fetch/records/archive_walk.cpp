#include "fetch/records/archive_walk.hpp"

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/output_error.hpp>

#include "fetch/records/archive_heads.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <vector>

namespace fanout::fetch {
namespace {

constexpr std::string_view empty_line = "\r\n\r\n";

struct decompressor_freed {
  void operator()(libdeflate_decompressor* each) const noexcept { libdeflate_free_decompressor(each); }
};

/// The bytes of a file that are being looked at.
class file_window {
 public:
  file_window(const std::string& path, std::uint64_t from, std::uint64_t size)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), read_(from), size_(file_ ? size : from) {
    if (!file_ && errno != ENOENT) refuse();
  }

  std::string_view bytes() const noexcept { return std::string_view(bytes_).substr(begin_); }
  void drop(std::size_t count) noexcept { begin_ += count; }
  /// Where the window begins in the file.
  std::uint64_t position() const noexcept { return read_ - (bytes_.size() - begin_); }

  /// Reads on until there are as many bytes as it holds, or the file ends. False if nothing was added.
  bool fill() {
    constexpr std::size_t most = 4U << 20;
    bytes_.erase(0, begin_);
    begin_ = 0;
    const std::size_t had = bytes_.size();
    while (bytes_.size() < most && read_ < size_) {
      const std::size_t have = bytes_.size();
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(most - have, size_ - read_));
      bytes_.resize(have + wanted);
      const ssize_t got = ::pread(file_.value(), bytes_.data() + have, wanted, static_cast<off_t>(read_));
      bytes_.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0 && errno != EINTR) refuse();
      if (got == 0) size_ = read_;  // it was cut
      read_ += static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
    }
    return bytes_.size() > had;
  }

 private:
  [[noreturn]] void refuse() const {
    throw output_error(fmt::format("cannot read {}: {}", path_, std::strerror(errno)));
  }

  const std::string& path_;
  fanout::detail::owned_descriptor file_;
  std::string bytes_;
  std::size_t begin_ = 0;
  std::uint64_t read_;  ///< up to there, from the file
  std::uint64_t size_;
};

/// One record, as its bytes come.
class record_parser {
 public:
  enum class state { head, block, end, whole, broken };

  explicit record_parser(archive_visitor& visitor) : visitor_(visitor) {}

  void begin() {
    state_ = state::head;
    head_.clear();
    metadata_.clear();
    matched_ = 0;
  }

  /// Takes what belongs to the record off the front.
  state feed(std::string_view& bytes) {
    if (state_ == state::head) take_head(bytes);
    if (state_ == state::block) take_block(bytes);
    for (; state_ == state::end && !bytes.empty(); bytes.remove_prefix(1)) {
      if (bytes.front() != empty_line[matched_])
        state_ = state::broken;
      else if (++matched_ == empty_line.size())
        state_ = state::whole;
    }
    return state_;
  }

  bool is_head_of_archive() const noexcept { return type_ == type::archive; }
  /// The last record of an exchange says which one it was.
  std::optional<record_mark> mark() const {
    if (type_ != type::metadata) return std::nullopt;
    const std::string_view index = field_in(metadata_, "fanoutIndex");
    record_mark made;
    if (std::from_chars(index.data(), index.data() + index.size(), made.index).ec != std::errc()) return std::nullopt;
    made.failed = !field_in(metadata_, "fanoutError").empty();
    return made;
  }
  const std::string& metadata() const noexcept { return metadata_; }

 private:
  enum class type { archive, metadata, other };

  void take_head(std::string_view& bytes) {
    constexpr std::size_t largest = 1U << 20;
    const std::size_t had = head_.size();
    const std::size_t here = had == 0 ? bytes.substr(0, largest).find(empty_line) : bytes.npos;
    head_ += bytes.substr(0, here == bytes.npos ? largest : here + empty_line.size());
    const std::size_t end = head_.find(empty_line, had < 3 ? 0 : had - 3);
    if (!head_.starts_with(std::string_view("WARC/1.").substr(0, head_.size())) ||
        (end == head_.npos && head_.size() >= largest)) {
      state_ = state::broken;
      return;
    }
    if (end == head_.npos) return bytes.remove_prefix(head_.size() - had);
    bytes.remove_prefix(end + empty_line.size() - had);
    const std::string_view fields = std::string_view(head_).substr(0, end + 2);
    const std::string_view length = field_in(fields, "Content-Length");
    const auto [last, failed] = std::from_chars(length.data(), length.data() + length.size(), left_);
    if (failed != std::errc() || last != length.data() + length.size()) {
      state_ = state::broken;
      return;
    }
    const std::string_view kind = field_in(fields, "WARC-Type");
    type_ = kind == "metadata" ? type::metadata : kind == "warcinfo" ? type::archive : type::other;
    state_ = state::block;
    visitor_.record(fields);
  }

  void take_block(std::string_view& bytes) {
    constexpr std::size_t most_metadata = 1U << 20;
    const std::string_view piece =
        bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
    bytes.remove_prefix(piece.size());
    left_ -= piece.size();
    if (left_ == 0) state_ = state::end;
    if (type_ == type::metadata)
      metadata_ += piece.substr(0, most_metadata - std::min(most_metadata, metadata_.size()));
    if (!piece.empty()) visitor_.block(piece);
  }

  archive_visitor& visitor_;
  state state_ = state::head;
  type type_ = type::other;
  std::string head_;
  std::string metadata_;
  std::uint64_t left_ = 0;   ///< bytes of the block
  std::size_t matched_ = 0;  ///< bytes of the end
};

class archive_reader {
 public:
  archive_reader(const std::string& path, record_format format, std::uint64_t from, std::uint64_t size,
                 archive_visitor& visitor)
      : packed_(format == record_format::warc_gzip), file_(path, from, size), visitor_(visitor), parser_(visitor) {
    if (packed_ && !unpacks_) throw std::bad_alloc();
  }

  std::uint64_t run() {
    std::uint64_t begin = file_.position();
    while (packed_ ? next_member() : next_record()) {
      const auto mark = parser_.mark();
      if (!mark && !parser_.is_head_of_archive()) continue;
      const std::uint64_t end = file_.position();
      visitor_.unit({begin, end, mark, mark ? std::string_view(parser_.metadata()) : std::string_view()});
      begin = end;
    }
    return begin;
  }

 private:
  using state = record_parser::state;

  bool next_record() {
    parser_.begin();
    for (;;) {
      if (file_.bytes().empty() && !file_.fill()) return false;
      std::string_view left = file_.bytes();
      const state now = parser_.feed(left);
      file_.drop(file_.bytes().size() - left.size());
      if (now == state::whole || now == state::broken) return now == state::whole;
    }
  }

  /// A gzip member, which is one record.
  bool next_member() {
    constexpr std::size_t enough = 1U << 20;
    if (file_.bytes().size() < enough) file_.fill();
    const std::string_view bytes = file_.bytes();
    if (bytes.empty()) return false;
    parser_.begin();
    std::size_t taken = 0;
    std::size_t made = 0;
    if (libdeflate_gzip_decompress_ex(unpacks_.get(), bytes.data(), bytes.size(), room_.data(), room_.size(), &taken,
                                      &made) != LIBDEFLATE_SUCCESS)
      return next_large_member();
    file_.drop(taken);
    return is_one_record({room_.data(), made});
  }

  /// One that is not packed, or not unpacked, in what there is room for; or none.
  bool next_large_member() {
    z_stream stream{};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
    const std::unique_ptr<z_stream, int (*)(z_stream*)> ends(&stream, inflateEnd);
    for (;;) {
      if (file_.bytes().empty() && !file_.fill()) return false;
      const std::string_view bytes = file_.bytes();
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream.avail_in = static_cast<uInt>(bytes.size());
      stream.next_out = reinterpret_cast<Bytef*>(room_.data());
      stream.avail_out = static_cast<uInt>(room_.size());
      const int result = inflate(&stream, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END) return false;
      file_.drop(bytes.size() - stream.avail_in);
      const std::string_view text(room_.data(), room_.size() - stream.avail_out);
      if (result == Z_STREAM_END) return is_one_record(text);
      std::string_view left = text;
      parser_.feed(left);
      if (!left.empty()) return false;
    }
  }

  /// Whether a record ends with `text`.
  bool is_one_record(std::string_view text) { return parser_.feed(text) == state::whole && text.empty(); }

  const bool packed_;
  file_window file_;
  archive_visitor& visitor_;
  record_parser parser_;
  const std::unique_ptr<libdeflate_decompressor, decompressor_freed> unpacks_{libdeflate_alloc_decompressor()};
  std::vector<char> room_ = std::vector<char>(1U << 20);
};

}  // namespace

std::uint64_t walk_archive(const std::string& path, record_format format, std::uint64_t from, std::uint64_t size,
                           archive_visitor& visitor) {
  return archive_reader(path, format, from, size, visitor).run();
}

std::string_view block_payload::of(std::string_view piece) noexcept {
  while (matched_ < empty_line.size() && !piece.empty()) {
    const char next = piece.front();
    piece.remove_prefix(1);
    if (next == empty_line[matched_])
      ++matched_;
    else
      matched_ = next == '\r' ? 1 : 0;
  }
  return matched_ == empty_line.size() ? piece : std::string_view();
}

}  // namespace fanout::fetch
