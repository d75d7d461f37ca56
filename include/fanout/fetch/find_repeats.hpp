#pragma once

#include <fanout/fetch/duplicate_finder.hpp>
#include <fanout/fetch/request_source.hpp>

#include <cstdint>
#include <functional>

/// \file
/// Which requests of a list repeat earlier ones.
namespace fanout::fetch {

/// Reads a source to its end. A request repeats an earlier one if their methods and bodies are equal, and their URLs
/// are the same by `url_key`; other headers do not count. Requests that cannot be read repeat nothing.
///
/// `progress(read)` is called now and then. Throws as the source does, and `output_error` where there is no room for
/// the files of `duplicate_finder`.
duplicate_set find_repeats(request_input& source, const std::function<void(std::uint64_t read)>& progress = {});

}  // namespace fanout::fetch
