#include <fanout/fetch/output.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::size_t file_hold = 64 * 1024;

/// What `path` names in the end: to rename a file to a symbolic link would replace the link.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> target(realpath(path.c_str(), nullptr), &std::free);
  return target ? std::string(target.get()) : path;
}

}  // namespace

int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // somebody else made it non-blocking
      pollfd ready{descriptor, POLLOUT, 0};
      poll(&ready, 1, -1);
      continue;
    }
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

output::output(int descriptor, std::string name, bool owned, std::string becomes)
    : descriptor_(descriptor),
      name_(std::move(name)),
      becomes_(std::move(becomes)),
      owned_(owned),
      terminal_(isatty(descriptor) == 1) {
  struct stat status{};
  if (fstat(descriptor_, &status) == 0 &&
      (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || (S_ISCHR(status.st_mode) && !terminal_)))
    hold_ = file_hold;
}

output output::standard() {
  return {STDOUT_FILENO, "standard output", false};
}

output output::create(const std::string& path) {
  if (path == "-") return standard();
  struct stat there{};
  const bool exists = stat(path.c_str(), &there) == 0;
  if (!exists || S_ISREG(there.st_mode)) {
    const std::string target = resolved(path);
    if (exists && access(target.c_str(), W_OK) != 0)  // a file that is protected is not to be replaced
      throw output_error(fmt::format("cannot write to {}: {}", path, std::strerror(errno)));
    std::string part = target + ".part";
    const int descriptor = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor >= 0) {
      if (exists) fchmod(descriptor, there.st_mode & 07777);  // of another owner: the mode is not worth a failure
      output made(descriptor, std::move(part), true, target);
      made.replaces_ = exists;
      return made;
    }
    if (!exists && errno != ENAMETOOLONG)
      throw output_error(fmt::format("cannot write to {}: {}", path, std::strerror(errno)));
  }
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) throw output_error(fmt::format("cannot write to {}: {}", path, std::strerror(errno)));
  return {descriptor, path, true};
}

output::output(output&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      becomes_(std::exchange(other.becomes_, {})),
      owned_(other.owned_),
      replaces_(other.replaces_),
      terminal_(other.terminal_),
      hold_(other.hold_),
      pending_(std::exchange(other.pending_, {})) {}

output::~output() {
  if (descriptor_ < 0) return;
  write_all(descriptor_, pending_);
  leave_part();
}

/// Closes what is not whole. An empty part is of no use to anybody.
void output::leave_part() noexcept {
  struct stat left{};
  if (!becomes_.empty() && fstat(descriptor_, &left) == 0 && left.st_size == 0) unlink(name_.c_str());
  if (owned_) ::close(descriptor_);
  descriptor_ = -1;
}

void output::write(std::string_view record) {
  if (pending_.empty() && record.size() > hold_) {
    if (const int failed = write_all(descriptor_, record)) fail(failed);
    return;
  }
  pending_ += record;
  if (pending_.size() > hold_) flush();
}

void output::flush() {
  const int failed = write_all(descriptor_, pending_);
  pending_.clear();
  if (failed) fail(failed);
}

void output::close() {
  flush();
  if (!owned_) return;
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(errno);
  if (!becomes_.empty() && rename(name_.c_str(), becomes_.c_str()) != 0) fail(errno);
}

void output::abandon() {
  if (becomes_.empty()) return close();
  flush();
  leave_part();
}

void output::fail(int why) const {
  throw output_error(fmt::format("cannot write to {}: {}", name_, std::strerror(why)));
}

}  // namespace fanout::fetch
