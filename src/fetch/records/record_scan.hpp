#pragma once

#include <fanout/fetch/done_set.hpp>
#include <fanout/fetch/record_format.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// \file
/// Which records a file holds, as far as it is whole.
namespace fanout::fetch {

/// What a record says of itself.
struct record_mark {
  std::uint64_t index = 0;
  bool failed = false;
  bool operator==(const record_mark&) const = default;
};

/// Reads records from byte `from` on, where one begins, and calls `found` for each that is whole: a line with its end,
/// a gzip member or zstd frame whose checksum is right, all records of an exchange in a web archive. Returns where the
/// last whole one ends. What follows is torn, or nothing.
///
/// Throws `output_error` when the file cannot be read; one that is not there is empty.
std::uint64_t scan_records(const std::string& path, record_format format, std::uint64_t from,
                           const std::function<void(record_mark)>& found);

/// Writes the whole records of a file into another one, but for those in `without`; calls `kept` for each that stays.
/// Returns the size of the new file, which is on disk. Throws `output_error`.
std::uint64_t copy_records(const std::string& path, record_format format, const done_set& without,
                           const std::string& into, const std::function<void(record_mark)>& kept);

}  // namespace fanout::fetch
