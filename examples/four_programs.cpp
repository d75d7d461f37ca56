// The four programs everybody writes first, as one: fetch a slow page five times, one after another, on threads, on an
// event loop, in worker processes. Try it with: fanout serve, then example_four_programs
// http://127.0.0.1:8080/delay/400
#include <fanout/fanout.hpp>

#include <cstdio>

// Blocking, like requests.
std::string fetch(const std::string& url) {
  return fanout::http::get(url).text();
}

// A coroutine, like aiohttp.
fanout::task<std::string> fetch_async(std::string url) {
  auto response = co_await fanout::http::client::shared().get(url);
  co_return response.text();
}

int main(int argc, char** argv) {
  fanout::init(argc, argv);  // needed only for shapes with worker processes
  const std::vector<std::string> urls(5, argc > 1 ? argv[1] : "http://127.0.0.1:8080/delay/400");

  auto a = fanout::map(fanout::sync(), fetch, urls);                        // 2.0 s
  auto b = fanout::map(fanout::threads(5), fetch, urls);                    // 0.4 s
  auto c = fanout::map(fanout::async(5), fetch_async, urls);                // 0.4 s
  auto d = fanout::map(fanout::processes(5), fanout::remote<fetch>, urls);  // 0.4 s
  auto e = fanout::map(fanout::automatic(), fanout::remote<fetch_async>, urls);
  std::printf("%zu pages\n", a.size() + b.size() + c.size() + d.size() + e.size());
}
