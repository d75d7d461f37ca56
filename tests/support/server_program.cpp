#include "support/server_program.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <utility>

namespace fanout_test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

}  // namespace

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool bound = ::bind(socket, any, size) == 0 && ::getsockname(socket, any, &size) == 0;
  ::close(socket);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

server_program::server_program(const char* variable, const std::string& configured, std::vector<std::string> arguments,
                               const std::string& configuration) {
  const char* const given = std::getenv(variable);
  const std::string program = given && *given ? given : configured;
  if (program.empty()) throw std::runtime_error(std::string("set ") + variable + " (tools/server prints a path)");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < deadline) {  // somebody else may take the port first
    port_ = free_port();
    const auto fill = [&](const std::string& text) {
      return replaced(replaced(text, "{port}", std::to_string(port_)), "{directory}", directory_.path());
    };
    directory_.write("configuration", fill(configuration));
    std::vector<std::string> filled{program};
    for (const auto& each : arguments) filled.push_back(fill(each));
    std::vector<char*> argv;
    for (auto& each : filled) argv.push_back(each.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t quietly;
    posix_spawn_file_actions_init(&quietly);
    for (const int output : {1, 2}) posix_spawn_file_actions_addopen(&quietly, output, "/dev/null", O_WRONLY, 0);
    const int failed = ::posix_spawn(&pid_, program.c_str(), &quietly, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&quietly);
    if (failed != 0) {
      pid_ = -1;
      throw std::runtime_error("cannot start " + program);
    }
    bool running = true;
    while (running && std::chrono::steady_clock::now() < deadline) {
      if (listens()) return;
      running = ::waitpid(pid_, nullptr, WNOHANG) == 0;
      std::this_thread::yield();
    }
    if (!running) pid_ = -1;
    stop();
  }
  throw std::runtime_error(program + " does not start");
}

server_program::~server_program() {
  stop();
}

bool server_program::listens() const {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port_);
  const bool connected = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return connected;
}

void server_program::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

}  // namespace fanout_test
