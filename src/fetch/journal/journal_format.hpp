#pragma once

#include <fanout/fetch/journal_contents.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The bytes of a journal. Numbers are little endian.
///
///     header  "fanoutJ1", u32 size of the rest, u32 CRC-32C of it; boot id, identity: texts, each a varint and its
///     bytes block   "FBK1", u32 count, u32 payload size, u32 CRC-32C of these two and of what follows, u64 sink
///     length,
///             u64 sink part; payload
namespace fanout::fetch {

/// An index, shifted left by one, and 1 if it failed.
using journal_mark = std::uint64_t;

std::string encode_header(const std::string& boot_id, const job_identity& identity);

/// Sorts the marks. At most `block_marks` of them.
void append_block(std::string& into, std::vector<journal_mark>& marks, std::uint64_t sink_length,
                  std::uint64_t sink_part);
inline constexpr std::size_t block_marks = 1'000'000;

/// Takes the header off; throws `journal_error` that says what is wrong, without the name of the file.
void decode_header(std::string_view& bytes, journal_contents& into);

/// Takes a block off and adds it to `into`; false if it is not whole, and nothing was changed.
bool decode_block(std::string_view& bytes, journal_contents& into);

}  // namespace fanout::fetch
