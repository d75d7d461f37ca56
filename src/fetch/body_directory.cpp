#include <fanout/fetch/body_directory.hpp>
#include <fanout/fetch/output.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fanout::fetch {

body_directory::body_directory(const std::string& path) : path_(path) {
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    throw output_error(fmt::format("cannot make the directory {}: {}", path, std::strerror(errno)));
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  descriptor_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) throw output_error(fmt::format("cannot write into {}: {}", path, std::strerror(errno)));
}

body_directory::~body_directory() {
  ::close(descriptor_);
}

std::string body_directory::name_of(std::uint64_t index) {
  return fmt::format("{:08}", index);
}

std::string body_directory::store(std::uint64_t index, std::string_view body) {
  std::string name = name_of(index);
  const int file = openat(descriptor_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (file < 0)
    throw output_error(fmt::format("cannot write {}/{}: {}{}", path_, name, std::strerror(errno),
                                   errno == EEXIST ? "; fetch into an empty directory" : ""));
  int failed = write_all(file, body);
  if (::close(file) != 0 && !failed) failed = errno;
  if (failed) {
    unlinkat(descriptor_, name.c_str(), 0);  // half a body is none
    throw output_error(fmt::format("cannot write {}/{}: {}", path_, name, std::strerror(failed)));
  }
  return name;
}

}  // namespace fanout::fetch
