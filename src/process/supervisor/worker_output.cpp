#include "process/supervisor/worker_output.hpp"

#include <boost/asio/error.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace fanout::detail {
namespace {

constexpr std::size_t longest_line = 64 * 1024;
/// Then it is the others' turn; and of a worker that has ended, no pipe holds more.
constexpr int most_turns = 64;

}  // namespace

worker_output_reader::worker_output_reader(asio::io_context& loop, const worker_options& how, std::uint32_t worker)
    : how_(how), worker_(worker), streams_{stream(loop), stream(loop)} {
  if (how.output == worker_output::inherit) return;
  for (stream& each : streams_) {
    if (how.output == worker_output::discard) {
      each.theirs = owned_descriptor(open("/dev/null", O_WRONLY | O_CLOEXEC));
      if (!each.theirs) throw std::system_error(errno, std::generic_category(), "cannot open /dev/null");
      continue;
    }
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot make a pipe for a worker's output");
    owned_descriptor ours(ends[0]);
    each.theirs = owned_descriptor(ends[1]);
    fcntl(ours.value(), F_SETFL, O_NONBLOCK);
    each.ours.assign(ours.value());
    ours.release();
  }
}

void worker_output_reader::begin() {
  for (stream& each : streams_) {
    each.theirs.reset();
    if (each.ours.is_open()) read_on(each);
  }
}

void worker_output_reader::read_on(stream& from) {
  from.ours.async_wait(asio::posix::descriptor_base::wait_read, [this, &from](boost::system::error_code failed) {
    if (failed) return;  // it may be gone
    read_available(from);
    if (from.ours.is_open()) read_on(from);
  });
}

void worker_output_reader::read_available(stream& from) {
  std::array<char, 16 * 1024> piece;
  for (int turn = 0; turn < most_turns; ++turn) {
    const auto got = read(from.ours.native_handle(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    if (got == 0) return from.ours.close();
    std::string_view rest(piece.data(), static_cast<std::size_t>(got));
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      from.line += rest.substr(0, end);
      say(from, from.line);
      from.line.clear();
      rest.remove_prefix(end + 1);
    }
    from.line += rest;
    if (from.line.size() < longest_line) continue;
    say(from, from.line);
    from.line.clear();
  }
}

void worker_output_reader::finish() {
  for (stream& each : streams_) {
    if (each.ours.is_open()) read_available(each);
    if (!each.line.empty()) say(each, each.line);
    each.line.clear();
    each.ours.close();
  }
}

void worker_output_reader::say(const stream& from, std::string_view line) {
  const bool error = &from == &streams_[1];
  if (how_.output == worker_output::captured) {
    if (how_.on_output) how_.on_output({worker_, error, line});
    return;
  }
  // In one piece, so that lines of workers do not mix.
  const std::string whole = fmt::format("[worker {}] {}\n", worker_, line);
  std::string_view rest = whole;
  while (!rest.empty()) {
    const auto written = write(error ? STDERR_FILENO : STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace fanout::detail
