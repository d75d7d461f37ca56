#pragma once

#include <cstddef>

namespace fanout::test {

#if defined(__has_feature)  // Clang
inline constexpr bool thread_sanitized = __has_feature(thread_sanitizer);
inline constexpr bool address_sanitized = __has_feature(address_sanitizer);
#elif defined(__SANITIZE_THREAD__)  // GCC
inline constexpr bool thread_sanitized = true;
inline constexpr bool address_sanitized = false;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr bool thread_sanitized = false;
inline constexpr bool address_sanitized = true;
#else
inline constexpr bool thread_sanitized = false;
inline constexpr bool address_sanitized = false;
#endif

/// Whether this is a build with a sanitizer, which takes more time and memory.
inline constexpr bool sanitized = thread_sanitized || address_sanitized;

/// How many threads a process may have besides the program's own.
inline constexpr std::size_t sanitizer_threads = thread_sanitized ? 1 : 0;

}  // namespace fanout::test
