#pragma once

#include <fanout/fetch/journal.hpp>
#include <fanout/fetch/shard.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// The files of a job whose shards write beside each other.
namespace fanout::fetch {

/// Where shard 3 of a job writes whose records go to "pages.jsonl.gz": "pages.shard-3.jsonl.gz".
std::string shard_path(std::string_view path, std::uint32_t index);

/// What all shards of a job have in common. It is in "pages.jsonl.gz.shards", as JSON.
struct shard_manifest {
  std::uint32_t shards = 1;
  job_identity identity;  ///< of the whole job
};

/// None where there is no such file. Throws `journal_error` for one that is not whole.
std::optional<shard_manifest> read_shard_manifest(const std::string& path);

/// Makes the manifest, whole or not at all, if this is the first shard; otherwise compares. Throws `journal_error` that
/// says what differs, and `output_error` where the file cannot be written. Any number of processes may call it at once.
void take_part(const std::string& path, const shard_manifest& mine);

}  // namespace fanout::fetch
