#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// \file
/// One shard of a job, run by whatever starts it again when it ends badly: a Slurm array, an Indexed Job of Kubernetes,
/// a loop in a shell.
///
/// All attempts write into one directory, which all machines see. Attempt K of shard I writes `shard-I.attempt-K.jsonl`
/// and nothing else, and is committed by linking its manifest to `shard-I.json`, which can only be done once. So a
/// shard that was given to another machine too early, or was stopped and goes on, has one result.
namespace fanout::cli {

struct shard_task {
  std::string directory;
  std::uint32_t index = 0;
  std::uint32_t shards = 1;
  std::string suffix = ".jsonl";  ///< of what is written
  /// The program and its arguments. `{index}`, `{shards}` and `{output}` in them are replaced.
  std::vector<std::string> command;
};

/// Exit statuses of a shard's program that mean something here.
constexpr int shard_drained = 75;  ///< it was told to end, and goes on when it is run again (EX_TEMPFAIL)

/// Runs the program as the next attempt of the shard, and hands on SIGTERM, SIGINT, SIGHUP and SIGUSR1. An attempt that
/// was drained is gone on with, by giving the program the same output. Where the program ends with 0 or 1 (some
/// requests failed), its output is committed and the result is 0, also if another attempt was before it; then its files
/// are removed. Otherwise the result is the program's exit status, or 128 and the signal that ended it.
///
/// Throws `std::system_error` for files that cannot be written. Call it while there is one thread.
int run_shard(const shard_task& task);

/// Shards that are not committed, ascending.
std::vector<std::uint32_t> missing_shards(const std::string& directory, std::uint32_t shards);

/// Joins what was committed, in the order of the shards, into `output`, which appears when it is whole. What is joined
/// stays what it is if it is lines, or members of gzip or zstd. Throws `std::runtime_error` for a file that is not as
/// its manifest says, and for a shard that is missing or belongs to a job of another number of shards.
void gather_shards(const std::string& directory, std::uint32_t shards, const std::string& output);

/// The index that a batch system gives its tasks: SLURM_ARRAY_TASK_ID plus FANOUT_FIRST_SHARD, or
/// JOB_COMPLETION_INDEX. Throws `std::invalid_argument` where one of them is not a number.
std::optional<std::uint32_t> index_of_batch_system();

/// "0 3,7-9": `indexes`, with as many lines as arrays of `limit` tasks are needed. The first number is what is to be
/// added to those after it.
std::vector<std::string> array_lists(const std::vector<std::uint32_t>& indexes, std::uint32_t limit);

}  // namespace fanout::cli
