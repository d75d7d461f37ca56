// Bulk fetch: a list that may be longer than memory, 64 exchanges in flight on one event loop, and each outcome taken
// as it completes. A failure is a value with a kind; it does not end the run.
#include <fanout/fanout.hpp>
#include <fanout/origin/background.hpp>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

struct page {
  int status = 0;
  std::uint64_t bytes = 0;
};

fanout::task<page> fetch(const std::string& url) {
  fanout::http::request what;
  what.url = fanout::http::url(url);
  what.keep_body = false;  // count the bytes, do not store them
  const auto response = co_await fanout::http::client::shared().send(std::move(what));
  response.raise_for_status();
  co_return page{response.status, response.body_bytes};
}

int main() {
  fanout::origin::background origin;

  // A source is pulled one input at a time, when there is a free place for it.
  int number = 0;
  const auto urls = [&]() -> std::optional<std::string> {
    if (number == 1000) return std::nullopt;
    ++number;
    return origin.url(number % 100 == 0 ? "/status/404" : "/bytes/" + std::to_string(number));
  };

  fanout::options how(fanout::async(64));
  how.on_error = fanout::on_error::collect;

  std::uint64_t bytes = 0;
  const fanout::report cost = fanout::run(how, fetch, urls, [&](fanout::outcome<page> got, const std::string& url) {
    if (got.ok())
      bytes += got.value().bytes;
    else if (got.index < 200)
      std::printf("%s: %s (%s)\n", url.c_str(), got.error().message.c_str(),
                  std::string(to_string(got.error().kind)).c_str());
  });

  std::printf("%llu pages, %llu failed, %llu bytes in %.3f s on %u thread\n",
              static_cast<unsigned long long>(cost.tasks), static_cast<unsigned long long>(cost.failures),
              static_cast<unsigned long long>(bytes), std::chrono::duration<double>(cost.wall).count(), cost.threads);
}
