// The four programs everybody writes first, as one: fetch a slow page five times, one after another, on threads, on an
// event loop, in worker processes. Give a URL, or it asks an origin of its own that takes 400 ms to answer.
#include <fanout/fanout.hpp>
#include <fanout/origin/background.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

std::string fetch(const std::string& url) {
  return fanout::http::get(url).text();
}  // blocking, like requests

fanout::task<std::string> fetch_async(std::string url) {  // a coroutine, like aiohttp
  auto pending = fanout::http::client::shared().get(url);
  auto response = co_await std::move(pending);
  co_return response.text();
}

template <class Program>
void timed(const char* name, Program program) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<std::string> pages = program();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%-10s %zu pages in %.3f s\n", name, pages.size(), took.count());
}

int main(int argc, char** argv) {
  fanout::init(argc, argv);  // needed only for shapes with worker processes
  std::optional<fanout::origin::background> origin;
  if (argc < 2) origin.emplace();
  const std::vector<std::string> urls(5, argc < 2 ? origin->url("/delay/400") : argv[1]);

  timed("sync", [&] { return fanout::map(fanout::sync(), fetch, urls); });
  timed("threads", [&] { return fanout::map(fanout::threads(5), fetch, urls); });
  timed("async", [&] { return fanout::map(fanout::async(5), fetch_async, urls); });
  timed("processes", [&] { return fanout::map(fanout::processes(5), fanout::remote<fetch>, urls); });
}
