#include "fetch/sources/sitemap_store.hpp"

#include <fanout/fetch/output.hpp>

#include "fetch/hash/crc32c.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <stdexcept>

namespace fanout::fetch {
namespace {

/// Before each name and frame. The machine that goes on is the one that wrote it, or one like it.
struct entry_head {
  std::uint32_t sum = 0;  ///< CRC-32C of the rest, and of name and frame
  std::uint32_t failed = 0;
  std::uint64_t name_bytes = 0;
  std::uint64_t packed_bytes = 0;
};

constexpr std::uint64_t most_name_bytes = 1U << 20;
constexpr std::uint64_t most_packed_bytes = 1U << 30;

std::uint32_t sum_of_entry(const entry_head& head, std::string_view rest) {
  const char* const bytes = reinterpret_cast<const char*>(&head);
  return crc32c(rest, crc32c({bytes + sizeof head.sum, sizeof head - sizeof head.sum}));
}

/// False where the file ends before.
bool read_whole(int file, char* into, std::size_t bytes, std::uint64_t at) {
  for (std::size_t have = 0; have < bytes;) {
    const ssize_t got = ::pread(file, into + have, bytes - have, static_cast<off_t>(at + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    have += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

sitemap_store::sitemap_store(const std::string& path, bool goes_on)
    : path_(path), file_(::open(path.c_str(), O_RDWR | O_CLOEXEC | (goes_on ? 0 : O_CREAT | O_TRUNC), 0666)) {
  if (!file_ && goes_on && errno == ENOENT)
    throw std::runtime_error(
        fmt::format("{} is gone, which has the sitemaps of the earlier run; give --restart to begin anew", path));
  if (!file_) fail("open", std::strerror(errno));
  if (goes_on) read_all();
  auto directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  const fanout::detail::owned_descriptor entry(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (entry) ::fsync(entry.value());
}

sitemap_store::~sitemap_store() {
  if (size_ == 0) ::unlink(path_.c_str());
}

void sitemap_store::fail(const char* doing, const std::string& why) const {
  throw output_error(fmt::format("cannot {} {}: {}", doing, path_, why));
}

void sitemap_store::read_all() {
  std::string name;
  for (std::uint64_t end = 0; read_at(size_, name, end); size_ = end) places_.emplace(name, size_);
  if (::ftruncate(file_.value(), static_cast<off_t>(size_)) != 0) fail("cut", std::strerror(errno));
}

/// None where what is there is not whole.
std::optional<kept_sitemap> sitemap_store::read_at(std::uint64_t at, std::string& name, std::uint64_t& end) const {
  entry_head head;
  if (!read_whole(file_.value(), reinterpret_cast<char*>(&head), sizeof head, at)) return std::nullopt;
  if (head.name_bytes > most_name_bytes || head.packed_bytes > most_packed_bytes) return std::nullopt;
  struct stat is{};
  const std::uint64_t bytes = head.name_bytes + head.packed_bytes;
  if (::fstat(file_.value(), &is) != 0 || at + sizeof head + bytes > static_cast<std::uint64_t>(is.st_size))
    return std::nullopt;
  std::string rest(static_cast<std::size_t>(bytes), '\0');
  if (!read_whole(file_.value(), rest.data(), rest.size(), at + sizeof head)) return std::nullopt;
  if (head.sum != sum_of_entry(head, rest)) return std::nullopt;
  end = at + sizeof head + bytes;
  const std::string_view packed = std::string_view(rest).substr(static_cast<std::size_t>(head.name_bytes));
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return std::nullopt;
  kept_sitemap made{head.failed != 0, std::string(static_cast<std::size_t>(size), '\0')};
  if (ZSTD_decompress(made.text.data(), made.text.size(), packed.data(), packed.size()) != made.text.size())
    return std::nullopt;
  name.assign(rest, 0, static_cast<std::size_t>(head.name_bytes));
  return made;
}

std::optional<kept_sitemap> sitemap_store::find(const std::string& name) const {
  const auto place = places_.find(name);
  if (place == places_.end()) return std::nullopt;
  std::string there;
  std::uint64_t end = 0;
  auto found = read_at(place->second, there, end);
  if (!found || there != name) fail("read", "something else has changed it");
  return found;
}

void sitemap_store::add(const std::string& name, const kept_sitemap& what) {
  std::string rest = name;
  rest.resize(name.size() + ZSTD_compressBound(what.text.size()));
  constexpr int fast = 1;
  const std::size_t packed =
      ZSTD_compress(rest.data() + name.size(), rest.size() - name.size(), what.text.data(), what.text.size(), fast);
  if (ZSTD_isError(packed)) throw std::bad_alloc();
  rest.resize(name.size() + packed);
  entry_head head{.sum = 0, .failed = what.failed, .name_bytes = name.size(), .packed_bytes = packed};
  head.sum = sum_of_entry(head, rest);
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  bytes += rest;
  if (::lseek(file_.value(), static_cast<off_t>(size_), SEEK_SET) < 0) fail("write", std::strerror(errno));
  if (const int failed = write_all(file_.value(), bytes)) fail("write", std::strerror(failed));
  if (::fdatasync(file_.value()) != 0) fail("write", std::strerror(errno));
  places_.emplace(name, size_);
  size_ += bytes.size();
}

}  // namespace fanout::fetch
