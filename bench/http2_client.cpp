// The client alone, on one loop of one thread: a number of requests, as h2load -n -c -m makes them.
//
//     bench_http2_client URL COUNT CONNECTIONS STREAMS [keep|drop [http1.1]]
//
// Over HTTP/2, without TLS by prior knowledge; or over HTTP/1.1. Every option else as by default, but that any
// certificate is taken. Fails when a response does, or is of another version.
#include <fanout/http/http.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string_view>

namespace {

struct progress {
  long left = 0;
  bool keep = true;
  fanout::http::http_version version = fanout::http::http_version::v2;
  std::uint64_t body_bytes = 0;
};

// Every URL is parsed, as in a bulk fetch.
fanout::task<void> fetch_again(const fanout::http::client& client, const std::string& url, progress& made) {
  while (made.left-- > 0) {
    fanout::http::request what;
    what.url = fanout::http::url(url);
    what.keep_body = made.keep;
    auto sending = client.send(std::move(what));
    const auto answer = co_await std::move(sending);
    answer.raise_for_status();
    if (answer.version != made.version) throw std::runtime_error("the server spoke another version of HTTP");
    made.body_bytes += answer.body_bytes;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: {} URL COUNT CONNECTIONS STREAMS [keep|drop [http1.1]]\n", argv[0]);
    return 2;
  }
  const std::string url = argv[1];
  const long count = std::atol(argv[2]);
  const int connections = std::atoi(argv[3]), streams = std::atoi(argv[4]);
  const bool old = argc > 6 && std::string_view(argv[6]) == "http1.1";
  fanout::http::client_options options;
  if (old)
    options.http_version = fanout::http::http_versions::http_1_1;
  else if (url.starts_with("http:"))
    options.http_version = fanout::http::http_versions::http_2_prior_knowledge;
  options.max_streams_per_connection = static_cast<std::size_t>(streams);
  options.verify_tls = false;

  boost::asio::io_context loop(1);
  const fanout::http::client client(options);
  progress made{count, argc < 6 || std::string_view(argv[5]) != "drop"};
  if (old) made.version = fanout::http::http_version::v1_1;
  const auto rethrow = [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  };
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < connections * streams; ++i) boost::asio::co_spawn(loop, fetch_again(client, url, made), rethrow);
  try {
    loop.run();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return 1;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{} requests in {:.3f} s, {} body bytes: {:.0f} requests/s\n", count, seconds, made.body_bytes,
             static_cast<double>(count) / seconds);
}
