#include "cli/job/job_shard.hpp"

#include <fanout/base/detail/file_text.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/units.hpp>

#include "cli/text/messages.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace fanout::cli {
namespace {

using detail::owned_descriptor;

[[noreturn]] void fail_with(int why, const std::string& what) {
  throw std::system_error(why, std::generic_category(), what);
}

owned_descriptor open_file(const std::string& name, int flags) {
  owned_descriptor file(::open(name.c_str(), flags | O_CLOEXEC, 0666));
  if (!file) fail_with(errno, name);
  return file;
}

void sync_file(const std::string& name, int flags = O_RDONLY) {
  const owned_descriptor file = open_file(name, flags);
  // Some mounted object stores cannot, and write when the file is closed.
  if (::fsync(file.value()) != 0 && errno != EINVAL && errno != ENOSYS) fail_with(errno, name);
}

void write_all(int to, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const auto written = ::write(to, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with(errno, name);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// The names of a shard's files.
class shard_files {
 public:
  shard_files(const std::string& directory, std::uint32_t index)
      : base_(fmt::format("{}/shard-{}", directory, index)), index_(index) {}
  std::string committed() const { return base_ + ".json"; }
  std::string of_attempt(std::uint32_t attempt, std::string_view what) const {
    return fmt::format("{}.attempt-{}{}", base_, attempt, what);
  }
  std::string short_name(std::uint32_t attempt, std::string_view what) const {
    return fmt::format("shard-{}.attempt-{}{}", index_, attempt, what);
  }

 private:
  std::string base_;
  std::uint32_t index_;
};

/// The least number that nobody has: a new one, or that of an attempt that was drained, whose mark has another name.
std::uint32_t take_attempt(const shard_files& files) {
  for (std::uint32_t attempt = 1;; ++attempt) {
    const std::string begun = files.of_attempt(attempt, ".begun");
    const owned_descriptor mine(::open(begun.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (mine) {
      if (::unlink(files.of_attempt(attempt, ".drained").c_str()) != 0 && errno != ENOENT) fail_with(errno, begun);
      return attempt;
    }
    if (errno != EEXIST) fail_with(errno, begun);
  }
}

std::string replaced(std::string text, std::string_view name, const std::string& by) {
  for (auto at = text.find(name); at != text.npos; at = text.find(name, at + by.size()))
    text.replace(at, name.size(), by);
  return text;
}

std::vector<std::string> command_of(const shard_task& task, const std::string& output) {
  std::vector<std::string> command = task.command;
  for (std::string& each : command) {
    each = replaced(std::move(each), "{index}", std::to_string(task.index));
    each = replaced(std::move(each), "{shards}", std::to_string(task.shards));
    each = replaced(std::move(each), "{output}", output);
  }
  return command;
}

/// Runs it, and hands on signals. Its exit status, or 128 and its signal.
int run_program(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& each : command) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  sigset_t waited, before;
  sigemptyset(&waited);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&waited, number);
  sigprocmask(SIG_BLOCK, &waited, &before);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    fail_with(errno, "cannot start " + command.front());
  }
  if (child == 0) {
    // An attempt whose shard has nobody to commit it does not go on.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  for (;;) {
    const int number = ::sigwaitinfo(&waited, nullptr);
    if (number > 0 && number != SIGCHLD) ::kill(child, number);
    if (number == SIGCHLD && ::waitpid(child, &status, WNOHANG) == child) break;
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// False where `name` is there already. The name appears with all its content, or not at all.
bool link_first(const std::string& from, const std::string& name) {
  if (::link(from.c_str(), name.c_str()) == 0) return true;
  // Some mounts have no hard links.
  if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  fail_with(errno, name);
}

bool commit(const shard_task& task, const shard_files& files, std::uint32_t attempt, int status) {
  const std::string output = files.of_attempt(attempt, task.suffix);
  if (!std::filesystem::exists(output)) open_file(output, O_WRONLY | O_CREAT);  // a shard without an input
  sync_file(output);
  const boost::json::object manifest{{"shard", task.index},
                                     {"shards", task.shards},
                                     {"attempt", attempt},
                                     {"file", files.short_name(attempt, task.suffix)},
                                     {"bytes", std::filesystem::file_size(output)},
                                     {"status", status}};
  const std::string name = files.of_attempt(attempt, ".json");
  {
    const owned_descriptor file = open_file(name, O_WRONLY | O_CREAT | O_TRUNC);
    write_all(file.value(), boost::json::serialize(manifest) + "\n", name);
  }
  sync_file(name);
  const bool first = link_first(name, files.committed());
  if (first) sync_file(task.directory, O_RDONLY | O_DIRECTORY);
  ::unlink(name.c_str());
  ::unlink((output + ".journal").c_str());  // what the fetch would go on by
  if (!first) ::unlink(output.c_str());
  return first;
}

boost::json::object manifest_of(const std::string& directory, std::uint32_t index, std::uint32_t shards) {
  const std::string name = shard_files(directory, index).committed();
  const auto text = fanout::detail::file_text(name);
  if (!text && errno == ENOENT)
    throw std::runtime_error(fmt::format("shard {} is not there yet: '{}' is missing", index, name));
  if (!text) throw std::runtime_error(fmt::format("cannot read {}: {}", name, std::strerror(errno)));
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(*text, failed);
  const auto* manifest = failed ? nullptr : value.if_object();
  if (!manifest || !manifest->contains("file") || !manifest->at("file").is_string() || !manifest->contains("bytes") ||
      !manifest->at("bytes").is_number() || !manifest->contains("shards") || !manifest->at("shards").is_number())
    throw std::runtime_error(fmt::format("'{}' is not the manifest of a shard", name));
  if (const auto own = manifest->at("shards").to_number<std::uint64_t>(); own != shards)
    throw std::runtime_error(fmt::format("'{}' belongs to a job of {} shards, not {}", name, own, shards));
  return *manifest;
}

}  // namespace

int run_shard(const shard_task& task) {
  const shard_files files(task.directory, task.index);
  if (std::filesystem::exists(files.committed())) {
    static_cast<void>(manifest_of(task.directory, task.index, task.shards));  // or says what is wrong with it
    tell(fmt::format("fanout job shard: shard {} is done\n", task.index));
    return 0;
  }
  const std::uint32_t attempt = take_attempt(files);
  const std::string begun = files.of_attempt(attempt, ".begun");
  const int status = run_program(command_of(task, files.of_attempt(attempt, task.suffix)));
  if (status == shard_drained) {
    // Its program has ended, so another may go on with its files: the number is free again.
    if (::rename(begun.c_str(), files.of_attempt(attempt, ".drained").c_str()) != 0) fail_with(errno, begun);
    return status;
  }
  if (status > 1) return status;
  if (!commit(task, files, attempt, status))
    tell(fmt::format("fanout job shard: another attempt at shard {} was first; this one is dropped\n", task.index));
  return 0;
}

std::vector<std::uint32_t> missing_shards(const std::string& directory, std::uint32_t shards) {
  std::vector<std::uint32_t> missing;
  for (std::uint32_t index = 0; index < shards; ++index)
    if (!std::filesystem::exists(shard_files(directory, index).committed())) missing.push_back(index);
  return missing;
}

void gather_shards(const std::string& directory, std::uint32_t shards, const std::string& output) {
  const std::string part = output + ".part";
  {
    const owned_descriptor to = open_file(part, O_WRONLY | O_CREAT | O_TRUNC);
    std::vector<char> piece(1 << 20);
    for (std::uint32_t index = 0; index < shards; ++index) {
      const boost::json::object manifest = manifest_of(directory, index, shards);
      const std::string name = directory + "/" + manifest.at("file").as_string().c_str();
      const owned_descriptor from = open_file(name, O_RDONLY);
      std::uint64_t bytes = 0;
      for (;;) {
        const auto got = ::read(from.value(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_with(errno, name);
        if (got == 0) break;
        write_all(to.value(), {piece.data(), static_cast<std::size_t>(got)}, part);
        bytes += static_cast<std::uint64_t>(got);
      }
      if (const auto whole = manifest.at("bytes").to_number<std::uint64_t>(); bytes != whole)
        throw std::runtime_error(fmt::format("'{}' has {} bytes and not {}, as its manifest says", name, bytes, whole));
    }
  }
  sync_file(part);
  if (::rename(part.c_str(), output.c_str()) != 0) fail_with(errno, output);
}

std::optional<std::uint32_t> index_of_batch_system() {
  const auto number = [](const char* name) -> std::optional<std::uint32_t> {
    const char* text = std::getenv(name);
    if (!text || !*text) return std::nullopt;
    try {
      return static_cast<std::uint32_t>(fetch::parse_count(text, 0, UINT32_MAX / 2));
    } catch (const std::invalid_argument& refused) {
      throw std::invalid_argument(fmt::format("{} in the environment: {}", name, refused.what()));
    }
  };
  if (const auto task = number("SLURM_ARRAY_TASK_ID")) return *task + number("FANOUT_FIRST_SHARD").value_or(0);
  return number("JOB_COMPLETION_INDEX");
}

std::vector<std::string> array_lists(const std::vector<std::uint32_t>& indexes, std::uint32_t limit) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < indexes.size()) {
    const std::uint32_t first = indexes[at] / limit * limit;
    std::string line = std::to_string(first);
    for (char before = ' '; at < indexes.size() && indexes[at] < first + limit; before = ',') {
      const std::uint32_t from = indexes[at++];
      std::uint32_t to = from;
      while (at < indexes.size() && indexes[at] == to + 1 && indexes[at] < first + limit) to = indexes[at++];
      line += from == to ? fmt::format("{}{}", before, from - first)
                         : fmt::format("{}{}-{}", before, from - first, to - first);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace fanout::cli
