#include "fetch/records/record_scan.hpp"

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/output.hpp>

#include "fetch/encoding/gzip_members.hpp"
#include "fetch/encoding/zstd_frames.hpp"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <fcntl.h>
#include <libdeflate.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace fanout::fetch {
namespace {

/// The bytes of a file, read as they are looked at.
class mapped_file {
 public:
  explicit mapped_file(const std::string& path) {
    const fanout::detail::owned_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) return;
    struct stat is{};
    if (!file || ::fstat(file.value(), &is) != 0) refuse(path);
    size_ = static_cast<std::size_t>(is.st_size);
    if (size_ == 0) return;
    bytes_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.value(), 0);
    if (bytes_ == MAP_FAILED) refuse(path);
    ::madvise(bytes_, size_, MADV_SEQUENTIAL);
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  ~mapped_file() {
    if (size_ > 0 && bytes_ != MAP_FAILED) ::munmap(bytes_, size_);
  }

  std::string_view bytes() const noexcept { return {static_cast<const char*>(bytes_), size_}; }

 private:
  [[noreturn]] static void refuse(const std::string& path) {
    throw output_error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  void* bytes_ = nullptr;
  std::size_t size_ = 0;
};

struct inflater_freed {
  void operator()(libdeflate_decompressor* each) const noexcept { libdeflate_free_decompressor(each); }
};

/// What is not asked for more of than its first part: every record that says which exchange it is of is smaller.
constexpr std::size_t first_part = 1U << 20;
constexpr std::size_t whole_member = std::numeric_limits<std::size_t>::max();

/// Size of the gzip member at the front, and what it holds in `text`, up to `most` bytes; 0 if it is not whole.
std::size_t take_large_member(std::string_view packed, std::string& text, std::size_t most) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ends(&stream, inflateEnd);
  text.clear();
  std::vector<char> room(256 * 1024);
  std::size_t used = 0;
  for (;;) {
    const std::size_t piece = std::min<std::size_t>(packed.size() - used, std::numeric_limits<uInt>::max());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + used));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = static_cast<uInt>(room.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    used += piece - stream.avail_in;
    const std::size_t made = room.size() - stream.avail_out;
    text.append(room.data(), std::min(made, most - text.size()));
    if (result == Z_STREAM_END) return used;
    if (result != Z_OK || (made == 0 && used == packed.size())) return 0;
  }
}

/// The same, much faster where what it holds is not large.
std::size_t take_member(std::string_view packed, std::string& text, std::size_t most = whole_member) {
  thread_local const std::unique_ptr<libdeflate_decompressor, inflater_freed> unpacks(libdeflate_alloc_decompressor());
  thread_local std::vector<char> room(1U << 20);
  if (!unpacks) throw std::bad_alloc();
  std::size_t taken = 0;
  std::size_t made = 0;
  const auto result = libdeflate_gzip_decompress_ex(unpacks.get(), packed.data(), packed.size(), room.data(),
                                                    room.size(), &taken, &made);
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return take_large_member(packed, text, most);
  if (result != LIBDEFLATE_SUCCESS) return 0;
  text.assign(room.data(), made);
  return taken;
}

/// The same for a zstd frame.
std::size_t take_frame(std::string_view packed, std::string& text) {
  text.clear();
  const std::size_t size = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
  if (ZSTD_isError(size)) return 0;
  const unsigned long long content = ZSTD_getFrameContentSize(packed.data(), size);
  if (content == ZSTD_CONTENTSIZE_ERROR || content == ZSTD_CONTENTSIZE_UNKNOWN) return 0;  // not one of ours
  text.resize(content);
  const std::size_t got = ZSTD_decompress(text.data(), text.size(), packed.data(), size);
  return ZSTD_isError(got) || got != content ? 0 : size;
}

/// The size of the record of a web archive at the front, by its Content-Length; 0 if it is not whole.
std::size_t warc_record_size(std::string_view bytes) {
  if (!bytes.starts_with("WARC/1.")) return 0;
  const auto head = bytes.find("\r\n\r\n");
  if (head == bytes.npos) return 0;
  constexpr std::string_view name = "\r\nContent-Length: ";
  const auto at = bytes.substr(0, head).find(name);
  if (at == bytes.npos) return 0;
  std::uint64_t length = 0;
  const char* const digits = bytes.data() + at + name.size();
  if (std::from_chars(digits, bytes.data() + head, length).ec != std::errc()) return 0;
  if (length > bytes.size() || bytes.size() - length < head + 8) return 0;
  const std::size_t size = head + 4 + static_cast<std::size_t>(length) + 4;
  return bytes.substr(size - 4, 4) == "\r\n\r\n" ? size : 0;
}

/// Of the first part of a member: whether it is a record, as far as it goes.
bool is_or_begins_record(std::string_view text) {
  return text.size() < first_part ? warc_record_size(text) == text.size() : text.starts_with("WARC/1.");
}

std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == text.npos) return std::nullopt;
  std::uint64_t number = 0;
  const char* const begin = text.data() + at + name.size();
  if (std::from_chars(begin, text.data() + text.size(), number).ec != std::errc()) return std::nullopt;
  return number;
}

/// A line of JSON, as `append_json` writes it: quotes in its texts are escaped, so these members are its own.
std::optional<record_mark> mark_of_line(std::string_view line) {
  if (!line.starts_with("{\"index\":") || !line.ends_with('}')) return std::nullopt;
  const auto index = number_behind(line, "{\"index\":");
  if (!index) return std::nullopt;
  constexpr std::string_view error = ",\"error\":";
  const auto at = line.find(error);
  return record_mark{*index, at != line.npos && !line.substr(at + error.size()).starts_with("null")};
}

/// Calls `found` for each line; false where one is not a record.
bool marks_of_lines(std::string_view text, std::vector<record_mark>& marks) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == text.npos) return false;
    const auto mark = mark_of_line(text.substr(0, end));
    if (!mark) return false;
    marks.push_back(*mark);
    text.remove_prefix(end + 1);
  }
  return true;
}

/// The last record of an exchange says which one it was.
std::optional<record_mark> mark_of_warc(std::string_view text) {
  const auto head = text.find("\r\n\r\n");
  if (head == text.npos || text.substr(0, head).find("\r\nWARC-Type: metadata") == text.npos) return std::nullopt;
  const auto index = number_behind(text, "\r\nfanoutIndex: ");
  if (!index) return std::nullopt;
  return record_mark{*index, text.find("\r\nfanoutError: ", head) != text.npos};
}

/// What can be cut off and stands alone.
struct unit {
  std::string_view raw;
  std::string_view text;  ///< unpacked; valid until the next one is taken
  std::vector<record_mark> marks;
};

class unit_reader {
 public:
  unit_reader(std::string_view bytes, record_format format) : left_(bytes), format_(format) {}

  /// The next one that is whole.
  bool next(unit& into) {
    into.marks.clear();
    std::size_t size = 0;
    switch (format_) {
      case record_format::lines:
        size = left_.find('\n') + 1;
        into.text = left_.substr(0, size);
        break;
      case record_format::gzip_lines:
        size = left_.empty() ? 0 : take_member(left_, text_);
        into.text = text_;
        break;
      case record_format::zstd_lines:
        size = left_.empty() ? 0 : take_frame(left_, text_);
        into.text = text_;
        break;
      case record_format::warc:
      case record_format::warc_gzip:
        return next_exchange(into);
    }
    if (size == 0 || !marks_of_lines(into.text, into.marks)) return false;
    into.raw = left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }

 private:
  /// Records up to the one that names the exchange. What stands before the first is an archive's own, and a unit.
  bool next_exchange(unit& into) {
    std::string_view rest = left_;
    for (;;) {
      std::size_t size = 0;
      std::string_view text;
      if (format_ == record_format::warc) {
        size = warc_record_size(rest);
        text = rest.substr(0, size);
      } else if (!rest.empty()) {
        size = take_member(rest, text_, first_part);
        text = text_;
      }
      if (size == 0) return false;
      rest.remove_prefix(size);
      if (const auto mark = mark_of_warc(text))
        into.marks.push_back(*mark);
      else if (text.substr(0, 64).find("WARC-Type: warcinfo") == text.npos)
        continue;
      into.raw = left_.substr(0, left_.size() - rest.size());
      into.text = text;
      left_ = rest;
      return true;
    }
  }

  std::string_view left_;
  record_format format_;
  std::string text_;
};

}  // namespace

std::uint64_t scan_records(const std::string& path, record_format format, std::uint64_t from,
                           const std::function<void(record_mark)>& found) {
  const mapped_file file(path);
  std::uint64_t end = std::min<std::uint64_t>(from, file.bytes().size());
  unit_reader units(file.bytes().substr(end), format);
  for (unit each; units.next(each);) {
    for (const record_mark& mark : each.marks) found(mark);
    end += each.raw.size();
  }
  return end;
}

std::uint64_t scan_units(const std::string& path, record_format format, std::uint64_t size,
                         const std::function<void(const record_unit&)>& found) {
  constexpr std::size_t first_window = 4U << 20;
  constexpr std::size_t largest_unit = 1U << 30;  // of what is packed: not whole by then, it is none
  const fanout::detail::owned_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto refuse = [&path] { throw output_error(fmt::format("cannot read {}: {}", path, std::strerror(errno))); };
  if (!file && errno == ENOENT) return 0;
  if (!file) refuse();
  std::string window;
  std::uint64_t end = 0;   // of what is whole
  std::uint64_t read = 0;  // from the file
  for (;;) {
    // Twice as much where a unit is larger than the window.
    const std::uint64_t more = std::min<std::uint64_t>(std::max(first_window, window.size()), size - read);
    const std::size_t had = window.size();
    window.resize(had + static_cast<std::size_t>(more));
    const ssize_t got = more == 0 ? 0 : ::pread(file.value(), window.data() + had, more, static_cast<off_t>(read));
    if (got < 0 && errno != EINTR) refuse();
    window.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) continue;
    read += static_cast<std::uint64_t>(got);
    unit_reader units(window, format);
    std::size_t taken = 0;
    for (unit each; units.next(each);) {
      found({each.raw, each.text, each.marks});
      taken += each.raw.size();
    }
    end += taken;
    window.erase(0, taken);
    if (got == 0 || (format != record_format::lines && window.size() > largest_unit)) return end;
  }
}

std::uint64_t find_archive_member(const std::string& path, std::uint64_t from, std::uint64_t size) {
  constexpr std::string_view magic = "\x1f\x8b\x08";
  const mapped_file file(path);
  const std::string_view bytes = file.bytes().substr(0, static_cast<std::size_t>(size));
  std::string unpacked;
  for (auto at = bytes.find(magic, static_cast<std::size_t>(from)); at != bytes.npos; at = bytes.find(magic, at + 1))
    if (take_member(bytes.substr(at), unpacked, first_part) > 0 && is_or_begins_record(unpacked)) return at;
  return size;
}

std::uint64_t copy_records(const std::string& path, record_format format, const done_set& without,
                           const std::string& into, const std::function<void(record_mark)>& kept) {
  const mapped_file file(path);
  const fanout::detail::owned_descriptor to(
      ::open(into.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666));
  const auto refuse = [&into](int why) {
    throw output_error(fmt::format("cannot write {}: {}", into, std::strerror(why)));
  };
  if (!to) refuse(errno);
  std::uint64_t size = 0;
  const auto write = [&](std::string_view bytes) {
    if (const int failed = write_all(to.value(), bytes)) refuse(failed);
    size += bytes.size();
  };
  gzip_members gzip;
  zstd_frames zstd;
  unit_reader units(file.bytes(), format);
  for (unit each; units.next(each);) {
    std::string text;
    std::size_t staying = 0;
    std::string_view left = each.text;
    for (const record_mark& mark : each.marks) {
      const bool stays = !without.contains(mark.index);
      if (stays) {
        ++staying;
        kept(mark);
      }
      if (is_warc(format)) continue;
      const auto end = left.find('\n') + 1;
      if (stays) text += left.substr(0, end);
      left.remove_prefix(end);
    }
    if (staying == each.marks.size()) {
      write(each.raw);
    } else if (staying > 0) {
      std::string packed;
      if (format == record_format::gzip_lines) gzip.append(packed, text);
      if (format == record_format::zstd_lines) zstd.append(packed, text);
      write(format == record_format::lines ? text : packed);
    }
  }
  if (::fdatasync(to.value()) != 0) refuse(errno);
  return size;
}

}  // namespace fanout::fetch
