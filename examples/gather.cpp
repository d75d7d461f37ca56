// A few different coroutines at once: their values come back together, and the first failure cancels and awaits the
// rest.
#include <fanout/fanout.hpp>
#include <fanout/origin/background.hpp>

#include <cstdio>
#include <string>
#include <vector>

fanout::task<int> status_of(std::string url) {
  const auto response = co_await fanout::http::client::shared().get(url);
  co_return response.status;
}

fanout::task<std::size_t> length_of(std::string url) {
  const auto response = co_await fanout::http::client::shared().get(url);
  co_return response.body.size();
}

fanout::task<std::string> both(std::string origin) {
  const auto [status, length] =
      co_await fanout::gather(status_of(origin + "/delay/50"), length_of(origin + "/bytes/1234"));
  co_return std::to_string(status) + " and " + std::to_string(length) + " bytes";
}

fanout::task<std::string> one_fails(std::string origin) {
  std::vector<fanout::task<int>> pages;
  pages.push_back(status_of(origin + "/never"));  // cancelled, not left running
  pages.push_back(status_of("http://no such host/"));
  try {
    co_await fanout::gather(std::move(pages));
    co_return "nothing failed";
  } catch (const fanout::error& failed) {
    co_return std::string(to_string(failed.kind()));
  }
}

int main() {
  fanout::origin::background origin;
  std::printf("together: %s\n", fanout::sync_wait(both(origin.url(""))).c_str());
  std::printf("one fails: %s\n", fanout::sync_wait(one_fails(origin.url(""))).c_str());
}
