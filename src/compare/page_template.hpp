#pragma once

#include <string_view>

namespace fanout::detail {

/// The page, with {{about}}, {{report}} and {{before}} where its data goes; report/src makes it.
std::string_view page_template();

}  // namespace fanout::detail
