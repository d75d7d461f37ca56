#pragma once

#include "fetch/sources/request_list.hpp"

#include <memory>
#include <string>

namespace fanout::fetch {

/// The list that an argument of `-i` names: a table of a database, a sitemap, or lines. Throws `std::runtime_error`
/// where it cannot be opened.
std::unique_ptr<request_list> open_list(const std::string& name);

}  // namespace fanout::fetch
