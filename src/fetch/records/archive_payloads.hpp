#pragma once

#include <fanout/fetch/record_format.hpp>

#include "fetch/encoding/stored_payloads.hpp"

#include <cstdint>
#include <string>

/// \file
/// Which payloads an archive has that an earlier run wrote.
namespace fanout::fetch {

/// Adds the payloads of the responses in the first `size` bytes of an archive: whole ones, of requests that did not
/// fail, and not of redirects, as `warc_output` adds those of its own run. Of an archive of gzip members that is larger
/// than `most_bytes` only the end is read: as many bytes. Returns how many payloads were added.
///
/// Where in the middle an archive is begun to be read is found by trying: from there, whole records of an archive lead
/// to its end. Those of an archive that is itself a payload do not.
///
/// Throws `output_error` where the file cannot be read; one that is not there has none.
std::uint64_t read_stored_payloads(const std::string& path, record_format format, std::uint64_t size,
                                   stored_payloads& into, std::uint64_t most_bytes = std::uint64_t{1} << 30);

}  // namespace fanout::fetch
