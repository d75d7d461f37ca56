#pragma once

#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

/// \file
/// Several failures that are thrown together.
namespace fanout {

/// What several tasks threw, where all of it matters (Python's `ExceptionGroup`). `what()` says how many and names
/// each. Cheap to copy; thread-safe as any value is.
class exception_group : public std::runtime_error {
 public:
  /// `failures` must not hold null pointers.
  explicit exception_group(std::vector<std::exception_ptr> failures);

  const std::vector<std::exception_ptr>& exceptions() const noexcept { return *failures_; }

 private:
  std::shared_ptr<const std::vector<std::exception_ptr>> failures_;  ///< shared, so that copying cannot throw
};

/// Throws the only one of `failures` as it is, several as an `exception_group`, and nothing where there is none.
void throw_together(std::vector<std::exception_ptr> failures);

}  // namespace fanout
