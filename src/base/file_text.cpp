#include <fanout/base/detail/file_text.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace fanout::detail {

std::optional<std::string> file_text(const std::string& path) {
  constexpr std::size_t piece = 16 * 1024;
  const owned_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  for (std::size_t size = 0;;) {
    text.resize(size + piece);
    const auto got = ::read(file.value(), text.data() + size, piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int why = errno;
      text = std::string();
      errno = why;
      return std::nullopt;
    }
    text.resize(size += static_cast<std::size_t>(got));
    if (got == 0) return text;
  }
}

}  // namespace fanout::detail
