#include <fanout/fetch/body_directory.hpp>
#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/output.hpp>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fanout::fetch {

body_directory::body_directory(const std::string& path, existing_file existing) : path_(path), existing_(existing) {
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    throw output_error(fmt::format("cannot make the directory {}: {}", path, std::strerror(errno)));
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  if (access((path_ + "/.").c_str(), W_OK | X_OK) != 0)
    throw output_error(fmt::format("cannot write into {}: {}", path, std::strerror(errno)));
}

std::string body_directory::name_of(std::uint64_t index) {
  return fmt::format("{:08}", index);
}

std::string body_directory::store(std::uint64_t index, std::string_view body) {
  std::string name = name_of(index);
  auto file = detail::part_file::open(path_ + "/" + name, {.existing = existing_, .follow_link = false});
  if (const int failed = write_all(file.descriptor(), body)) file.fail(failed);
  file.finish();
  return name;
}

}  // namespace fanout::fetch
