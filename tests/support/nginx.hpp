#pragma once

#include "support/temporary_directory.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace fanout_test {

/// An nginx that serves the files of a directory on 127.0.0.1: the one of the environment variable FANOUT_NGINX, or
/// else the one the tests were configured with. Throws `std::runtime_error` where there is none or it does not start.
/// All its files are below a temporary directory; the destructor ends it.
class nginx {
 public:
  /// `directives` are added to its server block. With a certificate among them it speaks TLS, and with
  /// "http2 on;" HTTP/2.
  explicit nginx(const std::string& root, std::string directives = {});
  nginx(const nginx&) = delete;
  nginx& operator=(const nginx&) = delete;
  ~nginx();

  std::string url(const std::string& path) const;

 private:
  bool start(const std::string& program, const std::string& root);
  void stop();

  temporary_directory directory_;
  std::string directives_;
  bool tls_ = false;
  bool http2_ = false;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace fanout_test
