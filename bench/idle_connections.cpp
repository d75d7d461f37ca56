// What an open connection costs while nothing happens on it, in resident bytes: `bench_idle_connections URL COUNT
// [http2]`, over HTTP/2 by prior knowledge. All requests are sent before the first answer is read, so that each has a
// connection of its own. `bench_idle_connections URL COUNT streams`: what a request over HTTP/2 costs whose answer does
// not come, as URL never does, 100 on a connection.
#include <fanout/http/http.hpp>

#include "http/loop/loop_state.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>

namespace {

std::size_t resident_bytes() {
  std::size_t whole = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> whole >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void fetch_all(boost::asio::io_context& loop, const fanout::http::client& client, const std::string& url,
               std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    boost::asio::co_spawn(loop, client.get(url), [](std::exception_ptr failed, const auto&) {
      if (failed) std::rethrow_exception(failed);
    });
  loop.restart();
  loop.run();
}

/// Requests that stay in flight.
int measure_streams(const std::string& url, std::size_t count) {
  constexpr std::size_t on_each = 100;
  fanout::http::client_options options;
  options.http_version = fanout::http::http_versions::http_2_prior_knowledge;
  options.max_streams_per_connection = on_each;
  options.max_connections = options.max_connections_per_host = 0;
  const fanout::http::client client(options);
  boost::asio::io_context loop(1);
  const auto in_flight = [&](std::size_t more) {
    for (std::size_t i = 0; i < more; ++i)
      boost::asio::co_spawn(loop, client.get(url), [](std::exception_ptr, const auto&) {});
    loop.run_for(std::chrono::seconds(3));
    return resident_bytes();
  };
  const std::size_t before = in_flight(count / 10);  // the first ones open the connections and warm the memory up
  const std::size_t open = fanout::http::loop_state::of(loop.get_executor()).pool().open();
  const double each = static_cast<double>(in_flight(count) - before) / static_cast<double>(count);
  const std::size_t opened = fanout::http::loop_state::of(loop.get_executor()).pool().open() - open;
  fmt::print("{} streams in flight on {} connections more: {:.0f} bytes each resident\n", count, opened, each);
  return opened * on_each >= count ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} URL [COUNT [http2|streams]]\n", argv[0]);
    return 2;
  }
  const std::string_view how = argc > 3 ? argv[3] : "";
  const std::size_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10'000;
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  if (how == "streams") return measure_streams(argv[1], count);
  fanout::http::client_options options;
  if (how == "http2") {
    options.http_version = fanout::http::http_versions::http_2_prior_knowledge;
    options.max_streams_per_connection = 1;
  }
  options.max_idle_connections = options.max_idle_per_host = count;
  options.idle_connection_lifetime = std::chrono::minutes(10);
  const fanout::http::client client(options);
  boost::asio::io_context loop(1);
  try {
    fetch_all(loop, client, argv[1], 1);  // what is there once is there
    const std::size_t resident = resident_bytes(), allocated = ::mallinfo2().uordblks;
    fetch_all(loop, client, argv[1], count);
    const auto each = [&](std::size_t now, std::size_t before) {
      return static_cast<double>(now - before) / static_cast<double>(count);
    };
    const double of_allocated = each(::mallinfo2().uordblks, allocated), peak = each(resident_bytes(), resident);
    ::malloc_trim(0);  // what the burst of exchanges needed and idle connections do not
    const std::size_t idle = fanout::http::loop_state::of(loop.get_executor()).pool().idle();
    fmt::print("{} idle connections: {:.0f} bytes each resident, {:.0f} allocated, {:.0f} resident after the burst\n",
               idle, each(resident_bytes(), resident), of_allocated, peak);
    return idle == count ? 0 : 1;
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return 1;
  }
}
