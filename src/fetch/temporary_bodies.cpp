#include "fetch/temporary_bodies.hpp"

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/output_error.hpp>

#include <fmt/format.h>

#include <fcntl.h>
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

template <class Take>
void read_pieces(const std::string& path, Take take) {
  const auto fail = [&] {
    throw output_error(fmt::format("cannot read the body in {}: {}", path, std::strerror(errno)));
  };
  const fanout::detail::owned_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) fail();
  std::string piece(piece_bytes, '\0');
  for (;;) {
    const ssize_t got = ::read(file.value(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail();
    if (got == 0) return;
    take(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
  }
}

}  // namespace

temporary_directory::temporary_directory() {
  const char* const given = ::getenv("TMPDIR");
  // Workers may have been started in another directory.
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
  read_pieces(path, [&](std::string_view piece) { to.write(piece); });
  ::unlink(path.c_str());
}

std::string contents_of(const std::string& path) {
  std::string all;
  read_pieces(path, [&](std::string_view piece) { all += piece; });
  return all;
}

}  // namespace fanout::fetch::detail
