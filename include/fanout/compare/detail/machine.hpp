#pragma once

#include <cstdint>
#include <string>

/// \file
/// The machine that figures were measured on. Not for users.
namespace fanout::detail {

/// Where figures were measured. Parts that the system does not tell are empty or zero.
struct machine {
  std::uint32_t cores = 0;         ///< those this process may use
  std::string cpu;                 ///< model name
  std::uint64_t memory_bytes = 0;  ///< all of it, free or not
  std::string system;              ///< kernel and release: "Linux 6.1.0-9-amd64 x86_64"
};
machine this_machine();

}  // namespace fanout::detail
