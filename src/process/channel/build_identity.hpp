#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace fanout::detail {

/// Tells builds of a program apart. A plain value.
using build_identity = std::array<std::uint8_t, 20>;

/// Of this program: the build id that the linker left in it, or where there is none, what the file system knows of the
/// file; or what was set. Read once.
const build_identity& own_build();
/// Before anybody else asks.
void set_own_build(const build_identity& build);

/// The build id of the loaded object that has this address; empty where there is none.
std::optional<build_identity> build_at(const void* address);

/// The build id of another program's file; empty where it has none, or is no such file.
std::optional<build_identity> build_of(const char* program);

/// The beginning of it, in hexadecimal.
std::string to_string(const build_identity& build);

}  // namespace fanout::detail
