// Requests a second of the client alone, on one loop of one thread: every option as by default, bodies kept.
//
//     bench_http_client URL [SECONDS [IN_FLIGHT]]
//
// As with wrk, opening the connections is part of the time, and what is under way at its end does not count. Fails when
// a response does.
#include <fanout/http/http.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>

namespace {

using clock_type = std::chrono::steady_clock;

struct progress {
  bool over = false;
  std::size_t done = 0;
  std::uint64_t body_bytes = 0;
};

// Every URL is parsed, as in a bulk fetch.
fanout::task<void> fetch_again(const fanout::http::client& client, const std::string& url, progress& made) {
  while (!made.over) {
    fanout::http::request what;
    what.url = fanout::http::url(url);
    auto sending = client.send(std::move(what));
    const auto answer = co_await std::move(sending);
    answer.raise_for_status();
    ++made.done;
    made.body_bytes += answer.body.size();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} URL [SECONDS [IN_FLIGHT]]\n", argv[0]);
    return 2;
  }
  const std::string url = argv[1];
  const std::chrono::duration<double> span(argc > 2 ? std::atof(argv[2]) : 2);
  const int in_flight = argc > 3 ? std::atoi(argv[3]) : 64;

  boost::asio::io_context loop(1);
  const fanout::http::client client;
  progress made, counted;
  const auto start = clock_type::now();
  double seconds = 0;
  boost::asio::steady_timer end(loop, std::chrono::duration_cast<clock_type::duration>(span));
  end.async_wait([&](boost::system::error_code) {
    seconds = std::chrono::duration<double>(clock_type::now() - start).count();
    counted = made;
    made.over = true;
  });
  const auto rethrow = [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  };
  for (int i = 0; i < in_flight; ++i) boost::asio::co_spawn(loop, fetch_again(client, url, made), rethrow);
  try {
    loop.run();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return 1;
  }
  fmt::print("{} requests in {:.3f} s, {} body bytes: {:.0f} requests/s; {} made in all\n", counted.done, seconds,
             counted.body_bytes, static_cast<double>(counted.done) / seconds, made.done);
}
