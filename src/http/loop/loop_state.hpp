#pragma once

#include <fanout/base/deadline.hpp>

#include "http/dns/resolver.hpp"
#include "http/io/poller.hpp"
#include "http/loop/h2_memory.hpp"
#include "http/pool/session_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

/// \file
/// What all exchanges on one event loop share.
namespace fanout::http {

/// Pool, poller, deadlines, name look-up and read buffer of one `io_context`, made when the first exchange runs there.
///
/// Thread safety: belongs to the thread that runs the loop. `enter` refuses a second thread while exchanges are under
/// way, and `owned_by_this_thread` tells one that continues somebody else's.
class loop_state : public asio::execution_context::service {
 public:
  using key_type = loop_state;
  inline static asio::execution_context::id id;

  explicit loop_state(asio::execution_context& context);
  ~loop_state() override;

  /// The state of the `io_context` behind `executor`; throws `std::logic_error` when there is none behind it.
  static loop_state& of(const asio::any_io_executor& executor);

  /// An exchange begins or ends. `enter` throws `std::logic_error` when another thread has exchanges under way here.
  void enter();
  void leave() noexcept;
  bool owned_by_this_thread() const noexcept;

  /// What users of the loop keep with it, such as objects to be used again. Destroyed before everything else here.
  struct extension {
    extension() = default;
    extension(const extension&) = delete;
    extension& operator=(const extension&) = delete;
    virtual ~extension() = default;
  };
  /// The one of this type, made when it is asked for first. There is one type, so it is a single load.
  template <class Extension>
  Extension& extended() {
    if (!extension_) extension_ = std::make_unique<Extension>();
    return static_cast<Extension&>(*extension_);
  }

  asio::io_context& context() noexcept { return context_; }
  poller& sockets() noexcept { return sockets_; }
  session_pool& pool() noexcept { return pool_; }
  deadline_list& deadlines() noexcept { return deadlines_; }
  resolver& names() noexcept { return names_; }
  h2_memory& memory_of_h2() noexcept { return memory_of_h2_; }

  /// The one buffer everything is read into, at least `size` bytes. What a reader does not use at once it must copy.
  std::span<char> scratch(std::size_t size);

 private:
  void shutdown() override;

  asio::io_context& context_;
  deadline_list deadlines_;
  resolver names_;
  poller sockets_;
  h2_memory memory_of_h2_;
  session_pool pool_;
  std::vector<char> scratch_;
  std::atomic<const void*> owner_{nullptr};  ///< identifies the thread with exchanges under way; null while none are
  std::size_t active_ = 0;
  std::unique_ptr<extension> extension_;
};

}  // namespace fanout::http
