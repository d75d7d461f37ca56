#include <fanout/fetch/journal.hpp>

#include "fetch/journal/boot_id.hpp"
#include "fetch/journal/journal_format.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace fanout::fetch {
namespace {

/// Of a file that is open.
std::string read_whole(int descriptor, const std::string& path) {
  struct stat is{};
  if (::fstat(descriptor, &is) != 0) throw journal_error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  std::string bytes(static_cast<std::size_t>(is.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(descriptor, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw journal_error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

const std::string* value_of(const job_identity& identity, const std::string& name) {
  const auto found =
      std::find_if(identity.begin(), identity.end(), [&](const auto& field) { return field.first == name; });
  return found == identity.end() ? nullptr : &found->second;
}

}  // namespace

std::string difference(const job_identity& was, const job_identity& is) {
  std::string text;
  const auto say = [&text](std::string sentence) {
    if (!text.empty()) text += "; ";
    text += sentence;
  };
  for (const auto& [name, value] : is) {
    const auto* const before = value_of(was, name);
    if (before == nullptr)
      say(fmt::format("{} is {}, and was not given", name, value));
    else if (*before != value)
      say(fmt::format("{} is {}, and was {}", name, value, *before));
  }
  for (const auto& [name, value] : was)
    if (value_of(is, name) == nullptr) say(fmt::format("{} is not given, and was {}", name, value));
  return text;
}

journal_contents read_journal(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw journal_error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  std::string bytes;
  try {
    bytes = read_whole(descriptor, path);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
  journal_contents contents;
  std::string_view left = bytes;
  try {
    decode_header(left, contents);
    while (decode_block(left, contents)) {
    }
  } catch (const journal_error& error) {
    throw journal_error(fmt::format("cannot go on with {}: {}", path, error.what()));
  }
  contents.torn = left.size();
  contents.length = bytes.size() - left.size();
  return contents;
}

bool same_boot(const journal_contents& contents) {
  const auto now = boot_id();
  return !now.empty() && contents.boot_id == now;
}

void cut_sink(const std::string& path, std::uint64_t length) {
  struct stat is{};
  if (::stat(path.c_str(), &is) != 0) {
    if (errno == ENOENT && length == 0) return;
    throw journal_error(fmt::format("cannot go on with {}: {}", path, std::strerror(errno)));
  }
  const auto size = static_cast<std::uint64_t>(is.st_size);
  if (size < length)
    throw journal_error(
        fmt::format("{} has {} bytes, and its journal knows of {}: something else has changed it", path, size, length));
  if (size > length && ::truncate(path.c_str(), static_cast<off_t>(length)) != 0)
    throw journal_error(fmt::format("cannot cut {} to {} bytes: {}", path, length, std::strerror(errno)));
}

}  // namespace fanout::fetch
