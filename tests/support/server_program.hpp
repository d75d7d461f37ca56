#pragma once

#include "support/temporary_directory.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace fanout_test {

/// A port of 127.0.0.1 that nobody listens on at this moment, for servers that cannot be given port 0.
std::uint16_t free_port();

/// A server of somebody else's, started as a child, with a directory for its files. The destructor ends it.
///
/// Its path is that of the environment variable, or else `configured`; without either, and when it does not start, the
/// constructor throws `std::runtime_error`. `arguments` may hold {port} and {directory}.
class server_program {
 public:
  server_program(const char* variable, const std::string& configured, std::vector<std::string> arguments,
                 const std::string& configuration = {});
  server_program(const server_program&) = delete;
  server_program& operator=(const server_program&) = delete;
  ~server_program();

  std::uint16_t port() const noexcept { return port_; }

 private:
  bool listens() const;
  void stop();
  temporary_directory directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace fanout_test
