#include <fanout/fetch/find_repeats.hpp>
#include <fanout/fetch/url_key.hpp>

#include <optional>
#include <string>

namespace fanout::fetch {

duplicate_set find_repeats(request_input& source, const std::function<void(std::uint64_t read)>& progress) {
  constexpr std::uint64_t tell_each = 100'000;
  duplicate_finder finder;
  std::uint64_t read = 0;
  while (const std::optional<request> each = source.next()) {
    if (each->problem.empty())
      finder.add(each->method + " " + url_key(each->url) + "\n" + each->body);
    else
      finder.add("\n" + std::to_string(read));
    if (++read % tell_each == 0 && progress) progress(read);
  }
  return finder.find();
}

}  // namespace fanout::fetch
