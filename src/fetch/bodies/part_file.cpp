#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/output_error.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace fanout::fetch::detail {
namespace {

/// What `path` names in the end: to rename a file to a symbolic link would replace the link.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> target(realpath(path.c_str(), nullptr), &std::free);
  return target ? std::string(target.get()) : path;
}

[[noreturn]] void refuse(const std::string& path, int why) {
  throw output_error(
      fmt::format("cannot write to {}: {}{}", path, std::strerror(why),
                  why == EEXIST ? "; --overwrite replaces files that are there, --skip-existing leaves them" : ""));
}

}  // namespace

part_file::part_file(int descriptor, std::string name, bool owned, std::string becomes)
    : owned_(owned ? descriptor : -1), descriptor_(descriptor), name_(std::move(name)), becomes_(std::move(becomes)) {
  struct stat status{};
  is_file_ = fstat(descriptor_, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

part_file::part_file(part_file&& other) noexcept
    : owned_(std::move(other.owned_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      becomes_(std::move(other.becomes_)),
      existing_(other.existing_),
      replaces_(other.replaces_),
      is_file_(other.is_file_) {}

part_file part_file::standard_output() {
  return {STDOUT_FILENO, "standard output", false};
}

part_file part_file::open(const std::string& path, part_options how) {
  if (path == "-") return standard_output();
  struct stat there{};
  const bool exists = (how.follow_link ? stat(path.c_str(), &there) : lstat(path.c_str(), &there)) == 0;
  if (exists && how.existing == existing_file::refused) refuse(path, EEXIST);
  if (!exists || S_ISREG(there.st_mode) || !how.follow_link) {
    const std::string target = how.follow_link ? resolved(path) : path;
    if (exists && how.follow_link && access(target.c_str(), W_OK) != 0)
      refuse(path, errno);  // a file that is protected is not to be replaced
    std::string part = target + ".part";
    const int begin = how.goes_on ? O_APPEND : O_TRUNC;
    const int descriptor = ::open(part.c_str(), O_WRONLY | O_CREAT | begin | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor >= 0) {
      if (exists && S_ISREG(there.st_mode))
        fchmod(descriptor, there.st_mode & 07777);  // of another owner: the mode is not worth a failure
      part_file made(descriptor, std::move(part), true, target);
      made.replaces_ = exists;
      made.existing_ = how.existing;
      return made;
    }
    if (!exists && errno != ENAMETOOLONG) refuse(path, errno);
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) refuse(path, errno);
  return {descriptor, path, true};
}

void part_file::refuse_existing(const std::string& path) {
  refuse(path, EEXIST);
}

std::string part_file::part_name(const std::string& path) {
  return resolved(path) + ".part";
}

void part_file::check(const std::string& path) {
  if (path == "-") return;
  struct stat there{};
  if (stat(path.c_str(), &there) == 0) {
    if (access(path.c_str(), W_OK) != 0) refuse(path, errno);
    return;
  }
  if (errno != ENOENT) refuse(path, errno);
  const auto slash = path.rfind('/');
  const std::string directory = slash == path.npos ? "." : path.substr(0, slash + 1);
  if (access(directory.c_str(), W_OK | X_OK) != 0) refuse(path, errno);
}

void part_file::finish() {
  const bool closes = static_cast<bool>(owned_);
  descriptor_ = -1;
  if (closes && ::close(owned_.release()) != 0) fail(errno);
  if (!becomes_.empty()) rename_to_target();
}

void part_file::rename_to_target() {
  if (existing_ == existing_file::refused) {
    // Somebody may have made one meanwhile.
    if (renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, becomes_.c_str(), RENAME_NOREPLACE) == 0) return;
    if (errno == EEXIST) refuse(becomes_, errno);
    if (errno != EINVAL && errno != ENOSYS) fail(errno);  // a file system that cannot do so
    if (access(becomes_.c_str(), F_OK) == 0) refuse(becomes_, EEXIST);
  }
  if (rename(name_.c_str(), becomes_.c_str()) != 0) fail(errno);
}

void part_file::leave() noexcept {
  if (descriptor_ < 0) return;
  struct stat left{};
  if (!becomes_.empty() && fstat(descriptor_, &left) == 0 && left.st_size == 0) unlink(name_.c_str());
  descriptor_ = -1;
  owned_.reset();
}

void part_file::fail(int why) const {
  throw output_error(fmt::format("cannot write to {}: {}", name_, std::strerror(why)));
}

}  // namespace fanout::fetch::detail
