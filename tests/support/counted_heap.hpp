#pragma once

#include <cstddef>
#include <optional>

namespace fanout::test {

/// How many pieces of memory this process has allocated and not freed, by `malloc` and its kind, which is where
/// `operator new` and the frames of coroutines come from, too. Nothing where it is not counted: under sanitizers, which
/// have a `malloc` of their own, and in test programs without counted_heap.cpp.
std::optional<std::ptrdiff_t> live_allocations() noexcept;

}  // namespace fanout::test
