// Many names looked up together on one loop: `bench_dns_lookups SERVER:PORT [names]`, seconds until all are answered in
// both families. The names are host0.bench.test and so on; one without an address fails the run.
#include "http/loop/loop_state.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <exception>

namespace {

namespace http = fanout::http;
using clock_type = std::chrono::steady_clock;

fanout::task<void> look_up(http::resolver& names, http::notifier& wake, std::string host, std::size_t& found) {
  http::lookup asked(names, host, wake);
  while (!asked.done()) {
    auto woken = wake.wait();
    co_await std::move(woken);
  }
  found += !asked.addresses(http::family::v4).empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} SERVER:PORT [names]\n", argv[0]);
    return 2;
  }
  const std::size_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000;
  boost::asio::io_context loop(1);
  auto& names = http::loop_state::of(loop.get_executor()).names();
  std::vector<std::unique_ptr<http::notifier>> wakes;
  for (std::size_t i = 0; i < count; ++i) wakes.push_back(std::make_unique<http::notifier>(loop));
  const auto rethrow = [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  };
  std::size_t found = 0;
  try {
    names.use_servers(argv[1]);
    const auto start = clock_type::now();
    for (std::size_t i = 0; i < count; ++i)
      boost::asio::co_spawn(loop, look_up(names, *wakes[i], fmt::format("host{}.bench.test", i), found), rethrow);
    loop.run();
    const double seconds = std::chrono::duration<double>(clock_type::now() - start).count();
    fmt::print("{} names, {} found: {:.3f} s\n", count, found, seconds);
  } catch (const std::exception& failed) {
    fmt::print(stderr, "{}\n", failed.what());
    return 1;
  }
  return found == count ? 0 : 1;
}
