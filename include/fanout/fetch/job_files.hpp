#pragma once

#include <fanout/fetch/heavy_hitters.hpp>
#include <fanout/fetch/journal.hpp>
#include <fanout/fetch/record_format.hpp>
#include <fanout/fetch/shard_files.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

/// \file
/// What a job has left on disk, while it runs and afterwards.
namespace fanout::fetch {

/// Of a file of records that belongs to a run.
enum class job_state {
  absent,    ///< nothing is there
  running,   ///< a process writes to it
  stopped,   ///< it is not whole, and the same command goes on
  complete,  ///< it is whole
};
std::string_view to_string(job_state state) noexcept;

/// What one run writes: the job, or a shard of it.
struct job_part {
  std::string path;                         ///< that it was given, or that of its shard
  std::optional<std::uint32_t> shard = {};  ///< which one
  job_state state = job_state::absent;
  std::vector<std::string> files =
      {};  ///< of records, in their order: one, or those of a rotation that are still there
  std::optional<journal_contents> journal = {};  ///< of a database, what its tables say
};

/// A job by the name that it was given with `-o`.
struct job_files {
  std::string path;
  std::string directory = {};  ///< of its bodies, with a slash; empty: it has none
  record_format format = record_format::lines;
  bool database = false;  ///< of SQLite; `format` says nothing then
  std::optional<shard_manifest> shards = {};
  std::vector<job_part> parts = {};  ///< of all shards, or one
  bool joined = false;               ///< of shards: the file of all of them is there

  job_state state() const;
};

/// Looks at a file of records, or at the directory of a job's bodies. Nothing is changed, and a run may be going on.
/// A database must not be one that this process itself writes to: SQLite's locks belong to processes.
///
/// Throws `journal_error` for a journal or manifest that cannot be read, and for a database that is none of a job.
job_files find_job(const std::string& destination);

/// What a look at every record found.
struct job_check {
  std::uint64_t records = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes = 0;                       ///< of bodies, as the records have it
  std::map<std::string, std::uint64_t> by_kind;  ///< of failures
  heavy_hitters failing_hosts{512};
  std::uint64_t bodies = 0;   ///< whose files, digests or texts were looked at
  std::uint64_t digests = 0;  ///< SHA-256 that were computed again
  std::uint64_t problem_count = 0;
  std::vector<std::string> problems;  ///< the first hundred
  std::vector<std::string> remarks;   ///< what is as it should be while a job is not at its end

  bool whole() const noexcept { return problem_count == 0; }
};

struct check_options {
  bool bodies = true;       ///< sizes of files, digests in archives
  bool consistency = true;  ///< against journals, and for gaps; false: records are counted
  bool digests = false;     ///< SHA-256 of bodies, where the records have them: files are read. Needs `bodies`
};

/// Reads all records. They have to be whole, one for each index, as the journals have it; of a complete job without
/// gaps, unless repeats were passed over. Files beside records have the size that the records say; in web archives
/// every digest is computed again, and bodies in databases are unpacked. While a run goes on, what its journal knows of
/// is looked at.
///
/// Throws `output_error` where a file cannot be read.
job_check check_job(const job_files& job, check_options how = {});

enum class join_order { as_written, by_index };

/// Shards that are not all complete, or do not fit together.
class join_error : public std::runtime_error {
 public:
  join_error(const std::string& what, bool incomplete) : std::runtime_error(what), incomplete_(incomplete) {}
  /// Some have not ended: it may be tried again.
  bool incomplete() const noexcept { return incomplete_; }

 private:
  bool incomplete_;
};

/// Writes the records of all shards into one file, which gets its name when it is whole and on disk. Each index comes
/// once; without repeats that were passed over, none is missing. Memory is some 200 MB at most, whatever the size: by
/// index, records go through files without names in the directory of the job. Databases become one database.
///
/// Returns how many records there are. Throws `join_error`, and `output_error` where the file cannot be written.
std::uint64_t join_shards(const job_files& job, join_order order);

}  // namespace fanout::fetch
