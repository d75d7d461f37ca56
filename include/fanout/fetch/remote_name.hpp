#pragma once

#include <optional>
#include <string>
#include <string_view>

/// \file
/// Names of files that servers or URLs choose.
namespace fanout::fetch {

/// `name` made fit for a file in a directory of the user's: the part behind its last slash or backslash, without
/// control characters, no longer than a file system takes, and with an underscore for a dot or a dash at its front: so
/// it is never another directory, a hidden file or an option. Empty where nothing is left.
std::string safe_file_name(std::string_view name);

/// The name of a URL's last segment, as it is written; empty where there is none.
std::string name_from_url(std::string_view url);

/// The name in a Content-Disposition (RFC 6266): of `filename*` (RFC 8187, UTF-8) before `filename`. Empty where there
/// is none.
std::string name_from_disposition(std::string_view value);

/// Renames `from` to `name` in `directory`, or, where that is taken, to `name.1`, `name.2` and so on up to 1000:
/// nothing is overwritten. Returns the path; none, with errno set, when it cannot.
std::optional<std::string> rename_to_free_name(const std::string& from, const std::string& directory,
                                               const std::string& name);

}  // namespace fanout::fetch
