#pragma once

#include <string>
#include <string_view>

namespace fanout::cli {

/// The embedded origin in a process of its own, so that what it costs is not in anybody's figures: this program,
/// started again as `serve --port 0 --until-eof`.
///
///     origin_process origin;
///     fetch(origin.url("/delay/400"));
///
/// The constructor returns when requests are answered; it throws `std::runtime_error` if it does not come to that. The
/// process ends with this object, and with this process however that one ends, since it watches its standard input. It
/// is in a process group of its own: Ctrl-C is for us to act on, and it serves until we have.
class origin_process {
 public:
  origin_process();
  origin_process(const origin_process&) = delete;
  origin_process& operator=(const origin_process&) = delete;
  /// Closes its standard input and waits for it to end; kills it if that takes seconds.
  ~origin_process();

  /// `path` on this server: "http://127.0.0.1:40123/delay/400".
  std::string url(std::string_view path) const { return base_ + std::string(path); }

 private:
  void start(int input, int output);
  std::string read_line() const;
  void end() noexcept;

  int pid_ = -1;
  int input_ = -1;   ///< our end of its standard input
  int output_ = -1;  ///< our end of its standard output
  std::string base_;
};

}  // namespace fanout::cli
