#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace helper {

/// A line on standard output, in one piece, whichever process writes it.
void say(const std::string& line);
/// How many this process has open, one for the listing among them.
std::size_t descriptors();
/// What the helper does in want of something: its file, /dev/shm, processes, descriptors. 2 when there is no such.
int run_in_want(std::string_view what);

}  // namespace helper
