#include <fanout/async/detail/child_process.hpp>
#include <fanout/async/detail/observation.hpp>
#include <fanout/async/detail/spawn_settings.hpp>
#include <fanout/async/program.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/failure.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace fanout {
namespace detail {
namespace {

[[noreturn]] void cannot_start(const program& what, int why) {
  throw std::system_error(why, std::generic_category(), fmt::format("cannot start {}", what.arguments.front()));
}

/// What a program writes to one of its streams.
class captured_stream {
 public:
  /// Returns the end for the program.
  owned_descriptor open(const program& what) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) cannot_start(what, errno);
    owned_descriptor theirs(ends[1]);
    reading_ = owned_descriptor(ends[0]);
    fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);  // ours alone: theirs is as programs expect
    return copied_above(theirs.value(), STDERR_FILENO + 1);
  }

  int descriptor() const noexcept { return reading_.value(); }

  /// Reads what there is, or all of it where nothing can follow. False at the end of the stream.
  bool read_some(bool all, std::size_t most_bytes) {
    std::array<char, 65536> some;
    std::size_t read_now = 0;
    for (int turn = 0; all || turn < 16; ++turn) {  // then other coroutines get a turn
      const auto got = read(reading_.value(), some.data(), some.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return true;
      if (got <= 0) return false;
      text.append(some.data(), static_cast<std::size_t>(got));
      read_now += static_cast<std::size_t>(got);
      if (read_now > most_bytes) return true;
    }
    return true;
  }
  void close() noexcept { reading_.reset(); }

  std::string text;

 private:
  owned_descriptor reading_;
};

/// A file without a name that holds `text`, at its beginning. (Of a pipe, somebody has to write the rest when there is
/// room, and not die of SIGPIPE when the reader is gone.)
owned_descriptor file_with(const program& what) {
  const owned_descriptor file(memfd_create("fanout-input", MFD_CLOEXEC));
  if (!file) cannot_start(what, errno);
  for (std::string_view rest = what.input; !rest.empty();) {
    const auto written = write(file.value(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot_start(what, errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  lseek(file.value(), 0, SEEK_SET);
  return copied_above(file.value(), STDERR_FILENO + 1);
}

std::chrono::nanoseconds duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) {
    if (text.find('\0') != text.npos)
      throw std::invalid_argument("an argument or variable of a program must not contain NUL");
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

/// A program that runs.
class running_program final : public child_process {
 public:
  enum class mode { capture, lines };

  running_program(program what, mode how) : what_(std::move(what)), mode_(how) {
    if (what_.arguments.empty()) throw std::invalid_argument("a program needs a name");
    start();
    watch(output_.descriptor(), EPOLLIN);
    if (mode_ == mode::capture) watch(errors_.descriptor(), EPOLLIN);
    if (what_.timeout.count() > 0) set_deadline(what_.timeout, deadline::time_limit);
  }

  void exchange(bool ended) override {
    follow(output_, ended);
    if (mode_ == mode::capture) follow(errors_, ended);
  }

  bool wants_pause() const override { return mode_ == mode::lines && output_.text.find('\n') != output_.text.npos; }

  /// Takes the lines that are whole, and at the end the one that is not.
  std::vector<std::string> take_lines(bool ended) {
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (auto end = output_.text.find('\n'); end != std::string::npos; end = output_.text.find('\n', begin)) {
      lines.push_back(output_.text.substr(begin, end - begin));
      begin = end + 1;
    }
    output_.text.erase(0, begin);
    if (ended && !output_.text.empty()) lines.push_back(std::move(output_.text));
    return lines;
  }

  program_result result() {
    if (!status_known() && !timed_out())
      throw std::system_error(ECHILD, std::generic_category(), "how a program ended is not known");
    const bool exited = WIFEXITED(status());
    return {.exit_status = exited ? WEXITSTATUS(status()) : 0,
            .signal = exited ? 0 : WTERMSIG(status()),
            .timed_out = timed_out(),
            .output = std::move(output_.text),
            .errors = std::move(errors_.text),
            .cpu_user = duration_of(used().ru_utime),
            .cpu_system = duration_of(used().ru_stime)};
  }

  void throw_unless_ok() {
    const program_result got = result();
    const std::string& name = what_.arguments.front();
    if (got.timed_out)
      throw error(failure_kind::timeout, fmt::format("{} was over its limit of {:g} ms", name,
                                                     std::chrono::duration<double, std::milli>(what_.timeout).count()));
    if (got.signal != 0) {
      const char* const abbreviation = sigabbrev_np(got.signal);
      throw error({.kind = failure_kind::task_failed,
                   .message = fmt::format("{} was killed by SIG{}", name, abbreviation ? abbreviation : "?"),
                   .signal = got.signal});
    }
    if (got.exit_status != 0)
      throw error(failure_kind::task_failed, fmt::format("{} exited with status {}", name, got.exit_status));
  }

 private:
  void start() {
    const owned_descriptor output = output_.open(what_);
    owned_descriptor errors;
    owned_descriptor input;
    spawn_settings how;
    if (what_.input.empty()) {
      how.open(STDIN_FILENO, "/dev/null", O_RDONLY);
    } else {
      input = file_with(what_);
      how.duplicate(input.value(), STDIN_FILENO);
    }
    how.duplicate(output.value(), STDOUT_FILENO);
    if (mode_ == mode::capture) {
      errors = errors_.open(what_);
      how.duplicate(errors.value(), STDERR_FILENO);
    }
    how.close_from(STDERR_FILENO + 1);
    if (!what_.directory.empty()) how.change_directory(what_.directory.c_str());
    sigset_t none;
    sigemptyset(&none);
    how.reset_signals(none);
    how.lead_group();

    const auto arguments = pointers_to(what_.arguments);
    std::vector<char*> variables;
    if (what_.environment) variables = pointers_to(*what_.environment);
    pid_t pid = -1;
    const int failed = posix_spawnp(&pid, arguments[0], how.files(), how.attributes(), arguments.data(),
                                    what_.environment ? variables.data() : environ);
    if (failed) cannot_start(what_, failed);
    adopt(pid, reach::group);
  }

  void follow(captured_stream& stream, bool ended) {
    if (stream.descriptor() < 0) return;
    const bool more = stream.read_some(ended, what_.most_output_bytes);
    if (stream.text.size() > what_.most_output_bytes && !wants_pause())
      throw error(failure_kind::too_large,
                  fmt::format("{} wrote more than {} bytes", what_.arguments.front(), what_.most_output_bytes));
    if (more && !ended) return;
    unwatch(stream.descriptor());
    stream.close();
  }

  program what_;
  mode mode_;
  captured_stream output_;
  captured_stream errors_;
};

}  // namespace
}  // namespace detail

task<program_result> run_program(program what) {
  detail::running_program running(std::move(what), detail::running_program::mode::capture);
  const detail::waiting_for mark("a program");
  task<bool> end = running.wait();
  co_await std::move(end);
  co_return running.result();
}

async_generator<std::string> program_lines(program what) {
  detail::running_program running(std::move(what), detail::running_program::mode::lines);
  for (bool ended = false; !ended;) {
    task<bool> more = running.wait();
    ended = co_await std::move(more);
    auto lines = running.take_lines(ended);
    for (std::string& line : lines) co_yield std::move(line);
  }
  running.throw_unless_ok();
}

}  // namespace fanout
