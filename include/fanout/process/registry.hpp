#pragma once

#include <fanout/base/task.hpp>

#include <memory>
#include <string>
#include <string_view>

/// \file
/// The remote functions of this program, by name. Not for users: `remote<f>` is built from it.
namespace fanout::detail {

/// A remote function in a worker, bound to its context.
class remote_instance {
 public:
  virtual ~remote_instance() = default;
  virtual bool coroutine() const noexcept = 0;
  /// Appends the encoded result to `result`. Throws what the function throws. The one that fits the function's kind is
  /// called, from all lanes at once.
  virtual void call(std::string_view argument, std::string& result) = 0;
  virtual task<void> call_async(std::string_view argument, std::string& result) = 0;
};

struct remote_entry {
  std::string_view name;
  bool coroutine = false;
  std::unique_ptr<remote_instance> (*make)(std::string_view context) = nullptr;
};

/// Called before `main`, by the initializers of namespace-scope variables. Returns true.
bool register_remote(const remote_entry& entry);

/// Throws `std::logic_error` when no function, or more than one, has that name. (Two functions of one name can only be
/// in unnamed namespaces of different files.)
const remote_entry& find_remote(std::string_view name);

}  // namespace fanout::detail
