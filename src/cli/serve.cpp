// fanout serve: the embedded origin, until it is told to stop.

#include <fanout/base/failure.hpp>
#include <fanout/origin/server.hpp>

#include "cli/text/command.hpp"
#include "cli/text/units.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <system_error>

namespace fanout::cli {
namespace {

struct serve_options {
  origin::options origin;
  std::uint64_t port = 8080;
  std::string write_certificate;
  bool until_eof = false;
  std::uint64_t max_streams = origin::options().max_streams;
  std::uint64_t window = origin::options().request_window;
};

/// Calls back when standard input has ended.
///
/// The wait goes through an epoll set of its own: waiting for the descriptor itself, Asio would make it non-blocking,
/// and with it the terminal or pipe of every other program that has it open.
class end_of_input {
 public:
  end_of_input(asio::io_context& loop, std::function<void()> ended) : ended_(std::move(ended)), readable_(loop) {
    const int set = ::epoll_create1(EPOLL_CLOEXEC);
    if (set < 0) throw std::system_error(errno, std::generic_category(), "cannot watch standard input");
    readable_.assign(set);
    epoll_event event{};
    event.events = EPOLLIN;
    // A file, /dev/null and a closed descriptor cannot be watched; nor do they have to be, as reading them never waits.
    always_ready_ = ::epoll_ctl(set, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0;
    next();
  }

  void stop() {
    boost::system::error_code ignored;
    readable_.close(ignored);
  }

 private:
  void next() {
    if (always_ready_) {
      while (read_some()) continue;
      return ended_();
    }
    readable_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code failed) {
      if (failed) return;
      if (read_some()) return next();
      ended_();
    });
  }

  /// False at the end.
  static bool read_some() {
    char discarded[4096];
    const auto size = ::read(STDIN_FILENO, discarded, sizeof discarded);
    return size > 0 || (size < 0 && (errno == EINTR || errno == EAGAIN));
  }

  std::function<void()> ended_;
  asio::posix::stream_descriptor readable_;
  bool always_ready_ = false;
};

int complain(exit_status status, const std::string& message) {
  fmt::print(stderr, "fanout serve: {}\n", message);
  return status;
}

/// One line for whoever started us: from here on requests are answered.
bool announce(const origin::server& server) {
  const std::string line = fmt::format("listening on {}\n", server.url(""));
  return std::fputs(line.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

bool write_file(const std::string& name, const std::string& text) {
  std::ofstream file(name, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  return !file.fail();
}

int serve(const serve_options& with) {
  asio::io_context loop(1);
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  std::unique_ptr<origin::server> server;
  try {
    server = std::make_unique<origin::server>(loop, with.origin);
  } catch (const std::system_error& failed) {
    return complain(usage, fmt::format("--address, --port: {}", failed.what()));
  } catch (const fanout::error& failed) {
    return complain(usage, fmt::format("--tls: {}", failed.what()));
  }
  if (!with.write_certificate.empty() && !write_file(with.write_certificate, server->certificate_pem()))
    return complain(output_failed, fmt::format("--write-cert: '{}' cannot be written", with.write_certificate));
  if (!announce(*server)) return complain(output_failed, "standard output cannot be written");

  std::optional<end_of_input> input;
  const auto stop = [&] {
    server->close();
    signals.cancel();
    if (input) input->stop();
  };
  signals.async_wait([&](boost::system::error_code failed, int) {
    if (!failed) stop();
  });
  if (with.until_eof) input.emplace(loop, stop);
  loop.run();
  return ok;
}

}  // namespace

void add_serve(CLI::App& app, std::function<int()>& chosen) {
  auto* const command = app.add_subcommand("serve", "Run the embedded HTTP origin; GET / lists its endpoints");
  const auto with = std::make_shared<serve_options>();
  command->add_option("--address", with->origin.address, "IP address to listen on [127.0.0.1]")->type_name("ADDRESS");
  add_count(*command, "--port", with->port, {0, 65535}, "Port to listen on; 0 takes any free one [8080]");
  add_duration(*command, "--latency", with->origin.latency, "Delay every response by so much, such as 400ms");
  auto* const tls = command->add_flag("--tls", with->origin.tls, "Serve https with a certificate made at start");
  auto* const certificate =
      command->add_option("--cert", with->origin.certificate_file, "PEM certificate chain to show instead")
          ->type_name("FILE")
          ->needs(tls);
  auto* const key = command->add_option("--key", with->origin.key_file, "PEM private key of --cert")->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
  command->add_option("--write-cert", with->write_certificate, "Write the certificate here, for clients to trust")
      ->type_name("FILE")
      ->needs(tls);
  constexpr const char* http_2_group = "HTTP/2";
  command->add_flag_callback(
             "--http1.1", [with] { with->origin.http_2 = false; }, "Speak HTTP/1.1 only")
      ->group(http_2_group);
  add_count(*command, "--max-streams", with->max_streams, {0, UINT32_MAX},
            "Allow this many requests at a time on a connection; 0: none [1000]")
      ->group(http_2_group);
  add_count(*command, "--window", with->window, {0, INT32_MAX},
            "Give credit for this many bytes of a request's body; 0: none, ever [1048576]")
      ->group(http_2_group);
  add_count(*command, "--goaway-after", with->origin.requests_per_connection, {1, UINT64_MAX},
            "Send GOAWAY after this many requests on a connection")
      ->group(http_2_group);
  add_count(*command, "--refuse-every", with->origin.refuse_every, {1, UINT64_MAX},
            "Reset each Nth request of a connection with REFUSED_STREAM")
      ->group(http_2_group);
  command->add_flag("--until-eof", with->until_eof, "End when standard input does, as when the parent has gone");
  command->callback([with, &chosen] {
    chosen = [with] {
      with->origin.port = static_cast<std::uint16_t>(with->port);
      with->origin.max_streams = static_cast<std::uint32_t>(with->max_streams);
      with->origin.request_window = static_cast<std::uint32_t>(with->window);
      return serve(*with);
    };
  });
}

}  // namespace fanout::cli
