#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

/// \file
/// A list, cut into one for each shard, so that all URLs of a host are in one of them.
namespace fanout::cli {

/// The host of a line of a list: a URL, or a JSON object with one in "url". Empty where there is none. It is that of
/// the text, so hosts that are written in several ways are several; letters are what they are.
std::string host_of_line(std::string_view line);

struct split_counts {
  std::uint64_t lines = 0;
  std::uint64_t largest = 0;  ///< lines of the largest shard
};

/// Reads lines of `list` up to its end, and writes `pattern` with "{index}" replaced for each of the shards, as
/// fanout::fetch::shard_of shares out hosts. Empty lines, and those that begin with '#', are left out. Holds some 64
/// MiB, and one file open.
///
/// Throws `std::invalid_argument` for a pattern without "{index}" and for a list that is packed or no text, and
/// `std::system_error` for a file that cannot be written.
split_counts split_list(std::istream& list, const std::string& pattern, std::uint32_t shards);

}  // namespace fanout::cli
