#include "fetch/bodies/temporary_bodies.hpp"

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/output_error.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace fanout::fetch::detail {
namespace {

constexpr std::size_t piece_bytes = 64 * 1024;

[[noreturn]] void cannot_read(const std::string& path) {
  throw output_error(fmt::format("cannot read the body in {}: {}", path, std::strerror(errno)));
}

/// A name that a job gives a body, or what there is of it.
bool names_body(std::string_view name) {
  if (name.ends_with(".part")) name.remove_suffix(std::string_view(".part").size());
  return !name.empty() && name.find_first_not_of("0123456789") == name.npos;
}

/// What a run that was killed left. Nothing else is touched.
void remove_bodies(const std::string& directory) {
  std::error_code none;
  for (const auto& each : std::filesystem::directory_iterator(directory, none))
    if (names_body(each.path().filename().string()) && each.is_regular_file(none))
      std::filesystem::remove(each.path(), none);
  ::rmdir(directory.c_str());
}

}  // namespace

void read_body(const std::string& path, const std::function<void(std::string_view piece)>& take) {
  const fanout::detail::owned_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) cannot_read(path);
  std::string piece(piece_bytes, '\0');
  for (;;) {
    const ssize_t got = ::read(file.value(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) cannot_read(path);
    if (got == 0) return;
    take(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
  }
}

std::uint64_t size_of_body(const std::string& path) {
  struct stat there{};
  if (::stat(path.c_str(), &there) != 0) cannot_read(path);
  return static_cast<std::uint64_t>(there.st_size);
}

temporary_directory::temporary_directory(const std::string& path) {
  if (!path.empty()) {
    // Workers may have been started in another directory.
    path_ = std::filesystem::absolute(path).string();
    remove_bodies(path_);
    if (::mkdir(path_.c_str(), 0700) != 0)
      throw output_error(fmt::format("cannot make the directory {}: {}", path_, std::strerror(errno)));
    path_ += '/';
    return;
  }
  const char* const given = ::getenv("TMPDIR");
  const auto parent = std::filesystem::absolute(given != nullptr && *given != '\0' ? given : "/tmp");
  path_ = fmt::format("{}/fanout-bodies-XXXXXX", parent.string());
  if (::mkdtemp(path_.data()) == nullptr)
    throw output_error(fmt::format("cannot make the temporary directory {}: {}", path_, std::strerror(errno)));
  path_ += '/';
}

temporary_directory::~temporary_directory() {
  std::error_code none;
  std::filesystem::remove_all(path_, none);
}

void move_into(const std::string& path, output& to) {
  read_body(path, [&](std::string_view piece) { to.write(piece); });
  ::unlink(path.c_str());
}

std::string contents_of(const std::string& path) {
  std::string all;
  read_body(path, [&](std::string_view piece) { all += piece; });
  return all;
}

}  // namespace fanout::fetch::detail
