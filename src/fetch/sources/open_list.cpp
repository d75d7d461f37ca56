#include "fetch/sources/open_list.hpp"

#include "fetch/sources/sitemap_list.hpp"
#include "fetch/sources/sqlite_list.hpp"
#include "fetch/sources/text_lists.hpp"

namespace fanout::fetch {

std::unique_ptr<request_list> open_list(const std::string& name) {
  if (names_sitemap(name)) return std::make_unique<sitemap_list>(name);
  if (const auto table = sqlite_place_of(name)) return std::make_unique<sqlite_list>(*table);
  return std::make_unique<line_list>(name);
}

}  // namespace fanout::fetch
