#include "cli/compare/compare_output.hpp"

#include <fanout/async/program.hpp>
#include <fanout/base/detail/file_text.hpp>
#include <fanout/compare/present.hpp>
#include <fanout/fetch/output.hpp>

#include "cli/text/messages.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace fanout::cli {
namespace {

using std::string_literals::operator""s;

constexpr std::chrono::seconds to_open{10};
constexpr int most_names = 100;  ///< that others have taken

mode_t file_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

std::string path_of(int descriptor) {
  return fmt::format("/proc/self/fd/{}", descriptor);
}

/// A file of the directory of `path` that has no name yet. -1 where there are none, or none that can be named later.
int open_unnamed(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == path.npos ? "." : path.substr(0, slash + 1);
  const int descriptor = ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor < 0 || ::access(path_of(descriptor).c_str(), F_OK) == 0) return descriptor;
  ::close(descriptor);
  return -1;
}

std::string content_of(const std::string& path) {
  auto content = fanout::detail::file_text(path);
  if (!content) throw std::invalid_argument(fmt::format("--against: cannot read {}: {}", path, std::strerror(errno)));
  return *std::move(content);
}

/// What started this process, as a shell takes it.
std::string own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string argument, line = "fanout";
  for (std::getline(file, argument, '\0'); std::getline(file, argument, '\0');) {
    const bool plain = !argument.empty() &&
                       argument.find_first_not_of(
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+:,./@%") == argument.npos;
    line += ' ';
    if (plain) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? std::string(R"('\'')") : std::string(1, c);
    line += '\'';
  }
  return line;
}

void open_in_browser(const std::string& path) {
  boost::asio::io_context loop;
  program browser{.arguments = {"xdg-open", path}, .timeout = to_open};
  auto opened = boost::asio::co_spawn(loop, run_program(std::move(browser)), boost::asio::use_future);
  std::string why = "it failed";
  try {
    loop.run();
    const program_result ended = opened.get();
    if (ended.ok() || ended.timed_out) return;  // some browsers stay
  } catch (const std::exception& failed) {
    why = failed.what();
  }
  tell(fmt::format("fanout compare: xdg-open does not open {} here ({}); open it in a browser\n", path, why));
}

}  // namespace

replaced_file::replaced_file(const std::string& path, const interrupt& stop) : path_(path), stop_(stop) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail(errno);
    return;
  }
  descriptor_ = open_unnamed(path);
  unnamed_ = descriptor_ >= 0;
  if (unnamed_) return;
  std::string beside = path + ".XXXXXX";
  descriptor_ = ::mkostemp(beside.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail(errno);
  beside_ = std::move(beside);
}

replaced_file::~replaced_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!beside_.empty()) ::unlink(beside_.c_str());
}

void replaced_file::replace(std::string_view content) {
  while (!content.empty()) {
    if (stop_.level() > 0) fail(EINTR);  // a signal may also end a write by writing less
    const auto written = ::write(descriptor_, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (unnamed_)
    name_it();
  else if (!beside_.empty() && ::fchmod(descriptor_, file_mode()) != 0)
    fail(errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(errno);
  if (beside_.empty()) return;
  if (::rename(beside_.c_str(), path_.c_str()) != 0) fail(errno);
  beside_.clear();
}

/// Its own name, if that is free; else one beside it, since only renaming replaces a file.
void replaced_file::name_it() {
  const std::string own = path_of(descriptor_);
  std::string name = path_;
  for (int attempt = 0; ::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0; ++attempt) {
    if (errno != EEXIST || attempt == most_names) fail(errno);
    name = fmt::format("{}.{}-{}", path_, ::getpid(), attempt);
  }
  if (name != path_) beside_ = std::move(name);
}

void replaced_file::fail(int why) const {
  throw fetch::output_error(fmt::format("cannot write to {}: {}", path_, std::strerror(why)));
}

void add_compare_output(CLI::App& command, compare_output& into) {
  auto* const json = command.add_flag("--json", into.json, "Print one JSON object instead of tables");
  command.add_flag("--csv", into.csv, "Print comma-separated values instead of tables, one line per row")
      ->excludes(json);
  auto* const html =
      command
          .add_option("--html", into.html_file, "Also write a report page: charts, timelines and tables in one file")
          ->type_name("FILE")
          ->check([](const std::string& path) {
            if (path == "-") return "standard output has the tables; name a file, such as report.html"s;
            return path.empty() ? "give the name of a file"s : ""s;
          });
  command.add_flag("--open", into.open, "Open the report page in a browser")->needs(html);
  command.add_option("--against", into.against_file, "Compare with an older report: its --json output or its page")
      ->type_name("OLD")
      ->needs(html);
}

page_output::page_output(const compare_output& with, const interrupt& stop) : with_(with) {
  if (!with.against_file.empty()) {
    try {
      before_ = report_in(content_of(with.against_file));
    } catch (const std::invalid_argument& refused) {
      const std::string_view why = refused.what();
      if (why.starts_with("--against")) throw;
      throw std::invalid_argument(fmt::format("--against {}: {}", with.against_file, why));
    }
  }
  if (with.has_page()) file_.emplace(with.html_file, stop);
}

void page_output::finish(const std::string& report) {
  if (!file_) return;
  const std::time_t now = std::time(nullptr);
  file_->replace(report_page(report, {.command = own_command_line(),
                                      .made = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(now)),
                                      .before = before_,
                                      .before_name = with_.against_file}));
  tell(fmt::format("The report page: {}\n", with_.html_file));
  if (with_.open) open_in_browser(with_.html_file);
}

}  // namespace fanout::cli
