#pragma once

#include <fanout/fetch/done_set.hpp>
#include <fanout/fetch/record_format.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

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

/// What stands alone in a file of lines: a line, a gzip member or zstd frame of them.
struct record_unit {
  std::string_view raw;                   ///< as it is in the file
  std::string_view text;                  ///< unpacked lines
  const std::vector<record_mark>& marks;  ///< of its records, in their order
};

/// The same as `scan_records` from the beginning, of a file of lines that may grow, or be cut short, meanwhile: it is
/// read, not mapped, up to `size` bytes. Holds a unit, or 4 MiB. The views are valid during the call.
std::uint64_t scan_units(const std::string& path, record_format format, std::uint64_t size,
                         const std::function<void(const record_unit&)>& found);

/// The first place at `from` or behind it where a gzip member is a record of an archive, or seems to: a payload may
/// have such members in it. `size` where there is none.
std::uint64_t find_archive_member(const std::string& path, std::uint64_t from, std::uint64_t size);

/// Writes the whole records of a file into another one, but for those in `without`; calls `kept` for each that stays.
/// Returns the size of the new file, which is on disk. Throws `output_error`.
std::uint64_t copy_records(const std::string& path, record_format format, const done_set& without,
                           const std::string& into, const std::function<void(record_mark)>& kept);

}  // namespace fanout::fetch
