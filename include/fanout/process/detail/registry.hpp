#pragma once

#include <fanout/base/task.hpp>

#include <atomic>
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
  /// Whether each lane of a worker is to have an instance of its own.
  virtual bool per_lane() const noexcept = 0;
  /// Appends the encoded result to `result`. Throws what the function throws. The one that fits the function's kind is
  /// called, from all lanes at once unless each has its own.
  virtual void call(std::string_view argument, std::string& result) = 0;
  virtual task<void> call_async(std::string_view argument, std::string& result) = 0;
};

/// What makes instances of one remote function. There is one for each function, in static storage: where it is tells
/// functions apart that the compiler gives one name, such as static functions of two files.
///
/// Thread safety: all members may be called from any thread.
class remote_entry {
 public:
  using maker = std::unique_ptr<remote_instance> (*)(std::string_view context);

  /// Makes the function known, before `main` or while its library is loaded. `function` is what the compiler calls it.
  remote_entry(std::string_view function, maker made_by);
  remote_entry(const remote_entry&) = delete;
  remote_entry& operator=(const remote_entry&) = delete;
  ~remote_entry();  ///< its library is unloaded, or the process ends

  /// No other function of this program has the same, and each process of the same build has the same.
  std::string_view name() const;
  std::unique_ptr<remote_instance> make(std::string_view context) const { return make_(context); }

 private:
  friend const remote_entry& find_remote(std::string_view name);

  const std::string_view function_;
  const maker make_;
  mutable std::atomic<const std::string*> name_{nullptr};  ///< made when it is asked for
};

/// Throws `std::logic_error` when no function has that name.
const remote_entry& find_remote(std::string_view name);

}  // namespace fanout::detail
