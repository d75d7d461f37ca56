// The first program of README.md and docs/tutorials/first-program.md.
#include <fanout/fanout.hpp>
#include <fanout/origin/background.hpp>

#include <cstdio>

fanout::task<int> fetch(std::string url) {
  const auto response = co_await fanout::http::client::shared().get(url);
  co_return response.status;
}

int main() {
  fanout::origin::background server;  // pages to fetch, served by this program
  const std::vector<std::string> urls(5, server.url("/delay/400"));
  for (const int status : fanout::map(fanout::async(5), fetch, urls)) std::printf("%d\n", status);
}
