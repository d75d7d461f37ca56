#include "fetch/schedule/spill_file.hpp"

#include <fanout/fetch/output.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fanout::fetch {

spill_file::spill_file(std::string directory) : directory_(std::move(directory)) {
  if (!directory_.empty()) return;
  const char* const given = ::getenv("TMPDIR");
  directory_ = given != nullptr && *given != '\0' ? given : "/tmp";
}

spill_file::~spill_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void spill_file::fail(const char* what, int why) const {
  throw output_error(fmt::format("cannot {} a temporary file in {}: {}", what, directory_, std::strerror(why)));
}

void spill_file::open() {
  descriptor_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor_ >= 0) return;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) fail("make", errno);
  // The file system has no files without a name.
  std::string name = directory_ + "/fanout-XXXXXX";
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail("make", errno);
  ::unlink(name.c_str());
}

std::uint64_t spill_file::append(std::string_view bytes) {
  if (descriptor_ < 0) open();
  std::uint64_t at = end_;
  for (std::string_view left = bytes; !left.empty();) {
    const ssize_t written = ::pwrite(descriptor_, left.data(), left.size(), static_cast<off_t>(at));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("write to", errno);
    }
    at += static_cast<std::size_t>(written);
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  const std::uint64_t begin = end_;
  end_ = at;
  live_ += bytes.size();
  return begin;
}

void spill_file::read(std::uint64_t begin, std::size_t size, std::string& into) const {
  into.resize(size);
  for (std::size_t have = 0; have < size;) {
    const ssize_t got = ::pread(descriptor_, into.data() + have, size - have, static_cast<off_t>(begin + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail("read", got < 0 ? errno : EIO);
    have += static_cast<std::size_t>(got);
  }
}

void spill_file::give_back(std::uint64_t begin, std::size_t size) noexcept {
  live_ -= size;
  // Disk space alone depends on it, so what a file system cannot do is left.
  if (live_ == 0) {
    if (::ftruncate(descriptor_, 0) == 0) end_ = 0;
    return;
  }
  ::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
              static_cast<off_t>(size));
}

}  // namespace fanout::fetch
