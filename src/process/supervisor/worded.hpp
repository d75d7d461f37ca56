#pragma once

#include <fanout/base/failure.hpp>

#include <new>
#include <utility>

namespace fanout::detail {

/// A failure with the message that `say` returns, or without a message if there is no memory for it: the task has its
/// failure in any case.
template <class Say>
failure worded(failure_kind kind, Say say) noexcept {
  failure reason;
  reason.kind = kind;
  try {
    reason.message = say();
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then the kind has to do
  }
  return reason;
}

}  // namespace fanout::detail
