#include "fetch/sources/input_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace fanout::fetch {

input_file::input_file(const std::string& path)
    : name_(path == "-" ? "standard input" : path),
      descriptor_(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC)),
      owned_(path != "-") {
  struct stat status{};
  if (descriptor_ < 0 || fstat(descriptor_, &status) != 0) fail(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) {
    if (owned_) close(descriptor_);
    fail("it is a directory");
  }
}

input_file::~input_file() {
  if (owned_ && descriptor_ >= 0) close(descriptor_);
}

bool input_file::readable_now() const noexcept {
  pollfd waited{descriptor_, POLLIN, 0};
  return poll(&waited, 1, 0) != 0;
}

bool input_file::read_into(std::string& text) {
  constexpr std::size_t chunk = 64 * 1024;
  std::array<char, chunk> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills what is used
  const auto got = read(descriptor_, buffer.data(), buffer.size());
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && errno == EAGAIN) {  // somebody else made it non-blocking
    pollfd waited{descriptor_, POLLIN, 0};
    poll(&waited, 1, -1);
    return true;
  }
  if (got < 0) fail(std::strerror(errno));
  try {
    if (!started_) {
      first_.append(buffer.data(), static_cast<std::size_t>(got));
      if (first_.size() < 4 && got > 0) return true;
      started_ = true;
      unpacker_ = unpacker_for(first_.data(), first_.size());
      if (unpacker_)
        unpacker_->unpack(first_.data(), first_.size(), text);
      else
        text += first_;
      first_ = std::string();
    } else if (unpacker_) {
      unpacker_->unpack(buffer.data(), static_cast<std::size_t>(got), text);
    } else {
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    if (got == 0 && unpacker_) unpacker_->finish();
  } catch (const std::runtime_error& why) {
    fail(why.what());
  }
  return got > 0;
}

void input_file::fail(const std::string& why) const {
  throw input_error(name_, why);
}

}  // namespace fanout::fetch
