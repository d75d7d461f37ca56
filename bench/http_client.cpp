// The client alone, on one loop of one thread: `bench_http_client URL [exchanges [in_flight]]`, requests a second.
#include <fanout/http/http.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <exception>

namespace {

using clock_type = std::chrono::steady_clock;

// One of `in_flight` coroutines that together send `left` requests. Every URL is parsed, as in a bulk fetch.
fanout::task<void> fetch_some(const fanout::http::client& client, const std::string& url, std::size_t& left,
                              std::size_t& bytes) {
  while (left > 0) {
    --left;
    fanout::http::request what;
    what.url = fanout::http::url(url);
    what.keep_body = false;
    auto sending = client.send(std::move(what));
    const auto answer = co_await std::move(sending);
    answer.raise_for_status();
    bytes += answer.body_bytes;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} URL [exchanges [in_flight]]\n", argv[0]);
    return 2;
  }
  const std::string url = argv[1];
  const std::size_t exchanges = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 200'000;
  const std::size_t in_flight = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 64;

  boost::asio::io_context loop(1);
  const fanout::http::client client;
  std::size_t left = exchanges, bytes = 0;
  const auto rethrow = [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  };
  const auto start = clock_type::now();
  for (std::size_t i = 0; i < in_flight; ++i)
    boost::asio::co_spawn(loop, fetch_some(client, url, left, bytes), rethrow);
  try {
    loop.run();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return 1;
  }
  const double seconds = std::chrono::duration<double>(clock_type::now() - start).count();
  fmt::print("{} exchanges, {} in flight, {} body bytes: {:.3f} s, {:.0f} requests/s\n", exchanges, in_flight, bytes,
             seconds, static_cast<double>(exchanges) / seconds);
}
