// Handshakes a second on one loop: every exchange opens a connection of its own, as the server closes each.
//
//     bench_tls_handshakes URL CA_FILE new|reuse SECONDS [IN_FLIGHT]
//
// Prints how many handshakes a second; fails when a response does, or when there was no resumption under `reuse`.
#include <fanout/http/http.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <string_view>

namespace {

using clock_type = std::chrono::steady_clock;

struct counts {
  clock_type::time_point end;
  std::size_t done = 0;
  std::size_t resumed = 0;
};

// The server says in the body whether the session was an earlier one's: "r", as nginx has it.
fanout::task<void> connect_again(const fanout::http::client& client, std::string url, counts& made) {
  while (clock_type::now() < made.end) {
    fanout::http::request what;
    what.url = fanout::http::url(url);
    auto sending = client.send(std::move(what));
    const auto answer = co_await std::move(sending);
    answer.raise_for_status();
    ++made.done;
    made.resumed += answer.body == "r";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: {} URL CA_FILE new|reuse SECONDS [IN_FLIGHT]\n", argv[0]);
    return 2;
  }
  fanout::http::client_options options;
  options.ca_file = argv[2];
  options.resume_tls = std::string_view(argv[3]) == "reuse";
  const std::chrono::duration<double> span(std::atof(argv[4]));
  const int in_flight = argc > 5 ? std::atoi(argv[5]) : 1;

  boost::asio::io_context loop(1);
  const fanout::http::client client(options);
  counts made;
  const auto start = clock_type::now();
  made.end = start + std::chrono::duration_cast<clock_type::duration>(span);
  const auto rethrow = [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  };
  for (int i = 0; i < in_flight; ++i) boost::asio::co_spawn(loop, connect_again(client, argv[1], made), rethrow);
  try {
    loop.run();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return 1;
  }
  const double seconds = std::chrono::duration<double>(clock_type::now() - start).count();
  fmt::print("{:.1f} handshakes/s, {} of {} resumed\n", static_cast<double>(made.done) / seconds, made.resumed,
             made.done);
  return options.resume_tls == (made.resumed > made.done / 2) ? 0 : 1;
}
