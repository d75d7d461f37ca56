#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/worker_options.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <cstdint>
#include <string>

namespace fanout::detail {

/// What one worker process writes to its standard output and standard error, read line by line on the supervisor's
/// loop.
///
/// Thread safety: the loop's thread only. Call `finish` when the worker has ended; after that it may be destroyed.
class worker_output_reader {
 public:
  /// Throws `std::system_error`.
  worker_output_reader(asio::io_context& loop, const worker_options& how, std::uint32_t worker);
  worker_output_reader(const worker_output_reader&) = delete;
  worker_output_reader& operator=(const worker_output_reader&) = delete;

  /// For the worker, until `begin`: what stands in for its descriptors 1 and 2; -1 for this process's own.
  int output() const noexcept { return streams_[0].theirs.value(); }
  int error() const noexcept { return streams_[1].theirs.value(); }

  /// The worker has been started.
  void begin();
  /// It has ended: takes what is left. (Not up to the end of the pipe, which a grandchild can hold open.)
  void finish();

 private:
  struct stream {
    explicit stream(asio::io_context& loop) : ours(loop) {}
    owned_descriptor theirs;
    asio::posix::stream_descriptor ours;
    std::string line;  ///< the beginning of one
  };
  void read_on(stream& from);
  void read_available(stream& from);
  void say(const stream& from, std::string_view line);

  const worker_options& how_;
  std::uint32_t worker_;
  std::array<stream, 2> streams_;
};

}  // namespace fanout::detail
