#pragma once

#include <fanout/fetch/settings.hpp>

#include <string>
#include <string_view>
#include <vector>

/// \file
/// Users and passwords from a .netrc file.
namespace fanout::fetch {

/// The machines of a file as ftp(1) and curl read it: "machine NAME login USER password PASSWORD", "default" for all
/// others, in quotes or not; "account" is passed over, and so are macros and comments. Throws `std::invalid_argument`
/// with the line of what is none of it; the message holds no password.
std::vector<netrc_entry> parse_netrc(std::string_view text);

/// Reads the file, which is `path` or else $NETRC, else ~/.netrc. `optional`: one that is not there is empty. Throws
/// `std::invalid_argument` that names option and file.
std::vector<netrc_entry> read_netrc(const std::string& path, bool optional);

/// The entry for a host: the first that names it, else the default; null where there is none.
const netrc_entry* find_netrc(const std::vector<netrc_entry>& all, std::string_view host);

}  // namespace fanout::fetch
