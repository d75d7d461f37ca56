#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/sqlite_output.hpp>

#include "fetch/records/record_database.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace fanout::fetch {
namespace {

bool is_there(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

/// Whether a process has it open for records. The lock is let go at once.
bool is_written_to(const std::string& part) {
  const fanout::detail::owned_descriptor file(::open(part.c_str(), O_RDONLY | O_CLOEXEC));
  return file && ::flock(file.value(), LOCK_SH | LOCK_NB) != 0;
}

std::string rotated_name(const std::string& path, std::uint64_t number) {
  const auto name = split_record_name(path);
  return fmt::format("{}-{:05}{}", name.stem, number, name.extension);
}

bool rotates(const journal_contents& journal) {
  return std::any_of(journal.identity.begin(), journal.identity.end(),
                     [](const auto& field) { return field.first == "rotation"; });
}

void find_rotated(job_part& part) {
  const std::uint64_t last = part.journal->sink_part + 1;  // which may be begun, and not in the journal
  part.state = part.journal->done.size() > 0 ? job_state::complete : job_state::absent;
  for (std::uint64_t number = 0; number <= last; ++number) {
    const std::string name = rotated_name(part.path, number);
    const std::string open = detail::part_file::part_name(name);
    if (is_there(open)) {
      part.state = is_written_to(open) ? job_state::running : job_state::stopped;
      part.files.push_back(open);
    } else if (is_there(name)) {
      part.files.push_back(name);
    }
  }
}

void find_database(job_part& part) {
  struct stat is{};
  if (::stat(part.path.c_str(), &is) != 0 || is.st_size == 0) return;  // a run has just made it
  const bool written = is_written_to(part.path);
  record_database database(part.path);
  part.state = written ? job_state::running : database.is_complete() ? job_state::complete : job_state::stopped;
  part.journal = database.contents();
  part.files.push_back(part.path);
}

job_part find_part(const std::string& path, std::optional<std::uint32_t> shard) {
  job_part part{.path = path, .shard = shard};
  if (is_sqlite_name(path)) {
    find_database(part);
    return part;
  }
  const std::string journal = path + ".journal";
  if (is_there(journal)) part.journal = read_journal(journal);
  if (part.journal && rotates(*part.journal)) {
    find_rotated(part);
    return part;
  }
  const std::string open = detail::part_file::part_name(path);
  if (is_there(open)) {
    part.state = is_written_to(open) ? job_state::running : job_state::stopped;
    part.files.push_back(open);
  } else if (is_there(path)) {
    part.state = job_state::complete;
    part.files.push_back(path);
  }
  return part;
}

}  // namespace

std::string_view to_string(job_state state) noexcept {
  switch (state) {
    case job_state::absent:
      return "not begun";
    case job_state::running:
      return "running";
    case job_state::stopped:
      return "stopped";
    default:
      return "complete";
  }
}

job_state job_files::state() const {
  const auto all = [this](job_state of) {
    return std::all_of(parts.begin(), parts.end(), [of](const job_part& each) { return each.state == of; });
  };
  const auto any = [this](job_state of) {
    return std::any_of(parts.begin(), parts.end(), [of](const job_part& each) { return each.state == of; });
  };
  if (any(job_state::running)) return job_state::running;
  if (all(job_state::complete)) return job_state::complete;
  return all(job_state::absent) ? job_state::absent : job_state::stopped;
}

job_files find_job(const std::string& destination) {
  job_files job{.path = destination};
  struct stat is{};
  if (destination.ends_with('/') || (::stat(destination.c_str(), &is) == 0 && S_ISDIR(is.st_mode))) {
    job.directory = destination + (destination.ends_with('/') ? "" : "/");
    job.path = job.directory + "records.jsonl";
  }
  job.database = is_sqlite_name(job.path);
  job.format = record_format_of(job.path);
  job.shards = read_shard_manifest(job.path);
  if (!job.shards) {
    job.parts.push_back(find_part(job.path, std::nullopt));
    return job;
  }
  for (std::uint32_t i = 0; i < job.shards->shards; ++i) job.parts.push_back(find_part(shard_path(job.path, i), i));
  job.joined = is_there(job.path);
  return job;
}

}  // namespace fanout::fetch
