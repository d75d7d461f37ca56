#include "cli/fetch/record_output.hpp"

#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/record_sinks.hpp>
#include <fanout/fetch/sqlite_output.hpp>

#include "cli/text/ctrl_c.hpp"
#include "cli/text/messages.hpp"

#include <fmt/format.h>

#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace fanout::cli {
namespace {

/// The exit status of the command, or minus the signal that ended it.
int run_shell(const std::string& command, const std::string& file) {
  std::string text = command + " \"$1\"";
  std::string name = file;
  char shell[] = "sh", flag[] = "-c", zero[] = "fanout-on-close";
  char* const arguments[] = {shell, flag, text.data(), zero, name.data(), nullptr};
  pid_t child = -1;
  if (const int failed = ::posix_spawn(&child, "/bin/sh", nullptr, nullptr, arguments, environ))
    throw fetch::output_error(fmt::format("--on-close: cannot start /bin/sh: {}", std::strerror(failed)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

template <class Sink, class... With>
record_output made(const std::string& path, fetch::record_file_options how, With... with) {
  auto sink = std::make_unique<Sink>(path, std::move(how), with...);
  const bool resumed = sink->resumed();
  return {std::move(sink), resumed};
}

}  // namespace

bool can_be_gone_on_with(const std::string& path) {
  if (path == "-") return false;
  struct stat is{};
  if (::stat(path.c_str(), &is) == 0 && !S_ISREG(is.st_mode)) return false;
  const auto slash = path.rfind('/');
  const std::string directory = slash == path.npos ? "." : path.substr(0, slash + 1);
  return ::access(directory.c_str(), W_OK | X_OK) == 0;
}

void run_close_hook(const std::string& command, const std::string& file) {
  constexpr int tries = 4;
  std::chrono::milliseconds pause{250};
  for (int i = 1;; ++i, pause *= 4) {
    const int status = run_shell(command, file);
    if (status == 0) return;
    const std::string why = fmt::format("--on-close: the command ended with {} for {}", status, file);
    if (i == tries) throw fetch::output_error(why + fmt::format(", {} times; the file is whole and stays", tries));
    tell(fmt::format("fanout fetch: {}; trying again in {} ms\n", why, pause.count()));
    std::this_thread::sleep_for(pause);
  }
}

namespace {

/// A database, and what it takes to tell the user why it waits.
record_output open_database(const fetch_options& given, const std::string& path, fetch::job_identity identity,
                            bool again) {
  const bulk_options& bulk = given.bulk;
  if (bulk.rotate_bytes > 0 || bulk.rotate_records > 0)
    throw usage_error("--rotate: a database is one file; give another name, such as pages.jsonl.gz");
  fetch::sqlite_output_options how;
  how.identity = std::move(identity);
  how.begins_anew = bulk.restart;
  how.goes_on = again;
  how.retry_failed = bulk.retry_failed;
  how.with = {given.http.settings.keep_headers, given.http.settings.keep_body};
  how.on_wait = [](const std::string& why) { tell(fmt::format("fanout fetch: {}\n", why)); };
  how.stopping = &stopping_asked_for;
  if (!bulk.on_close.empty())
    how.on_close = [command = bulk.on_close](const std::string& file) { run_close_hook(command, file); };
  auto sink = std::make_unique<fetch::sqlite_output>(path, std::move(how));
  const bool resumed = sink->resumed();
  return {std::move(sink), resumed};
}

}  // namespace

record_output open_record_output(const fetch_options& given, const std::string& path, fetch::job_identity identity,
                                 bool again, bool bodies_beside, const fetch::validators* since) {
  const bulk_options& bulk = given.bulk;
  if (!can_be_gone_on_with(path)) {
    if (bulk.retry_failed || bulk.rotate_bytes > 0 || bulk.rotate_records > 0)
      throw usage_error("--retry-failed, --rotate: records go to a file by -o FILE");
    return {};
  }
  if (!again && bulk.retry_failed)
    throw usage_error("--retry-failed: the list has to be a file that can be read once more; give it by -i FILE");
  if (fetch::is_sqlite_name(path)) return open_database(given, path, std::move(identity), again);
  fetch::record_file_options how;
  how.identity = std::move(identity);
  how.begins_anew = bulk.restart || !again;
  how.goes_on_later = again;
  how.retry_failed = bulk.retry_failed;
  how.rotate_bytes = bulk.rotate_bytes;
  how.rotate_records = bulk.rotate_records;
  how.sync_file_system = bodies_beside;
  if (!bulk.on_close.empty())
    how.on_close = [command = bulk.on_close](const std::string& file) { run_close_hook(command, file); };
  if (fetch::is_warc(fetch::record_format_of(path))) return made<fetch::warc_output>(path, std::move(how), since);
  const fetch::settings& with = given.http.settings;
  return made<fetch::record_lines>(path, std::move(how), fetch::json_fields{with.keep_headers, with.keep_body});
}

}  // namespace fanout::cli
