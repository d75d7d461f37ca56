#pragma once

#include <string>

namespace fanout::fetch {

/// What the system calls its start (random(4)); empty where it does not say. While it stays the same, what was written
/// to files is in them, synced or not.
std::string boot_id();

}  // namespace fanout::fetch
