#include "support/nginx.hpp"

#include "support/server_program.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace fanout_test {
namespace {

std::string program_to_test_against() {
  const char* const given = std::getenv("FANOUT_NGINX");
  const std::string program = given && *given ? given : FANOUT_NGINX;
  if (program.empty())
    throw std::runtime_error("no nginx to test against: set FANOUT_NGINX to its path (tools/server nginx prints one)");
  return program;
}

std::string configuration(const std::string& prefix, const std::string& root, const std::string& listen,
                          const std::string& directives) {
  std::string text = "daemon off;\nmaster_process off;\nerror_log " + prefix + "/error.log;\npid " + prefix +
                     "/pid;\nevents { worker_connections 1024; }\nhttp {\n  access_log off;\n"
                     "  default_type application/octet-stream;\n  keepalive_requests 1000000;\n";
  for (const std::string kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    text += "  " + kind + "_temp_path " + prefix + "/" + kind + ";\n";
  return text + "  server { listen " + listen + "; root " + root + ";\n" + directives + "}\n}\n";
}

constexpr std::string_view http2_on = "http2 on;";

bool has_ended(pid_t& pid) {
  if (::waitpid(pid, nullptr, WNOHANG) != pid) return false;
  pid = -1;
  return true;
}

}  // namespace

nginx::nginx(const std::string& root, std::string directives)
    : directives_(std::move(directives)), tls_(directives_.find("ssl_certificate") != std::string::npos) {
  // As nginx 1.25 spells it; those before want it with the address, and those after still take that.
  if (const auto at = directives_.find(http2_on); at != std::string::npos) {
    directives_.erase(at, http2_on.size());
    http2_ = true;
  }
  const std::string program = program_to_test_against();
  for (int attempt = 0; attempt < 10; ++attempt)  // somebody else may take the port first
    if (start(program, root)) return;
  throw std::runtime_error(program + " does not start: " + read_file(directory_ / "error.log"));
}

nginx::~nginx() {
  stop();
}

std::string nginx::url(const std::string& path) const {
  return (tls_ ? "https" : "http") + std::string("://127.0.0.1:") + std::to_string(port_) + path;
}

/// False if it ended instead. It writes its pid once it listens.
bool nginx::start(const std::string& program, const std::string& root) {
  port_ = free_port();
  const std::string listen = "127.0.0.1:" + std::to_string(port_) + (tls_ ? " ssl" : "") + (http2_ ? " http2" : "");
  const std::string file = directory_.write("nginx.conf", configuration(directory_.path(), root, listen, directives_));
  std::vector<std::string> arguments{program, "-p", directory_.path(), "-c", file, "-e", directory_ / "error.log"};
  std::vector<char*> argv;
  for (std::string& each : arguments) argv.push_back(each.data());
  argv.push_back(nullptr);
  if (::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argv.data(), environ) != 0) {
    pid_ = -1;
    throw std::runtime_error("cannot start " + program + " (FANOUT_NGINX)");
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!has_ended(pid_)) {
    if (std::filesystem::exists(directory_ / "pid") && read_file(directory_ / "pid") == std::to_string(pid_) + "\n")
      return true;
    if (std::chrono::steady_clock::now() > deadline) {
      stop();
      return false;
    }
    std::this_thread::yield();
  }
  return false;
}

void nginx::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

}  // namespace fanout_test
