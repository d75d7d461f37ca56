#include <fanout/fetch/find_repeats.hpp>
#include <fanout/fetch/url_key.hpp>

#include <fmt/format.h>

#include <optional>
#include <string>

namespace fanout::fetch {

duplicate_set find_repeats(request_input& source, const std::function<void(std::uint64_t read)>& progress) {
  constexpr std::uint64_t tell_each = 100'000;
  duplicate_finder finder;
  std::uint64_t read = 0;
  std::string key;
  while (const std::optional<request> each = source.next()) {
    if (each->problem.empty())
      key = fmt::format("{} {}\n{}", each->method.empty() ? "GET" : each->method, url_key(each->url), each->body);
    else
      key = fmt::format("\n{}", read);
    finder.add(key);
    if (++read % tell_each == 0 && progress) progress(read);
  }
  return finder.find();
}

}  // namespace fanout::fetch
