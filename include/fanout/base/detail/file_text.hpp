#pragma once

#include <optional>
#include <string>

/// \file
/// Small files, read as a whole. Not for users.
namespace fanout::detail {

/// All bytes of a file, a pipe or a device; nothing where it cannot be opened or read, and `errno` says why. The
/// streams of the standard library lose that, and throw for a directory, or for a file of /proc whose process has
/// ended, where nobody expects it. Throws `std::bad_alloc`.
std::optional<std::string> file_text(const std::string& path);

}  // namespace fanout::detail
