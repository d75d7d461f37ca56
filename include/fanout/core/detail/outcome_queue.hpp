#pragma once

#include <fanout/core/options.hpp>
#include <fanout/core/report.hpp>

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

/// \file
/// A run on a thread of its own, and who pulls its outcomes. Not for users: `outcomes` is built from it.
namespace fanout::detail {

/// The untyped half of `outcome_range`: the thread of the run, the room for outcomes between it and who pulls them, and
/// the end. The values are the derived class's, guarded by `mutex`.
///
/// Thread safety: as said for each member.
class outcome_queue {
 public:
  explicit outcome_queue(const options& how);
  outcome_queue(const outcome_queue&) = delete;
  outcome_queue& operator=(const outcome_queue&) = delete;

  /// Empty until the run has ended and what it threw, if it threw, was thrown. For who pulls.
  const std::optional<fanout::report>& report() const noexcept { return shown_; }

 protected:
  virtual ~outcome_queue();

  virtual fanout::report perform(const options& how) = 0;

  /// For the most derived class: at the end of its constructor, and in its destructor.
  void start();
  void stop() noexcept;

  std::mutex& mutex() noexcept { return mutex_; }

  /// \name For the run, with `mutex` held
  /// @{
  /// False: nobody pulls any more.
  bool wait_for_room(std::unique_lock<std::mutex>& lock, std::size_t held);
  void added();
  /// @}

  /// \name For who pulls
  /// @{
  /// With `mutex` held: waits until there is a value or the run has ended.
  void wait_for_value(std::unique_lock<std::mutex>& lock);
  void took(std::size_t left);  ///< with `mutex` held
  /// At the end: throws what the run threw, once.
  void rethrow_failure();
  /// @}

 private:
  options how_;
  std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t held_ = 0;
  bool closed_ = false;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::optional<fanout::report> report_;
  std::optional<fanout::report> shown_;  ///< belongs to who pulls
  std::stop_source stopped_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;  ///< of the caller's token
  std::thread thread_;
};

}  // namespace fanout::detail
