#include <fanout/fetch/output.hpp>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::size_t file_hold = 64 * 1024;

}  // namespace

int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // somebody else made it non-blocking
      pollfd ready{descriptor, POLLOUT, 0};
      poll(&ready, 1, -1);
      continue;
    }
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

output::output(detail::part_file to) : to_(std::move(to)), terminal_(isatty(to_.descriptor()) == 1) {
  struct stat status{};
  if (to_.is_file() || (fstat(to_.descriptor(), &status) == 0 && S_ISCHR(status.st_mode) && !terminal_))
    hold_ = file_hold;
}

output output::standard() {
  return output(detail::part_file::standard_output());
}

output output::create(const std::string& path) {
  return output(detail::part_file::open(path));
}

output::~output() {
  if (to_.descriptor() >= 0) write_all(to_.descriptor(), pending_);
}

void output::write(std::string_view record) {
  if (pending_.empty() && record.size() > hold_) {
    if (const int failed = write_all(to_.descriptor(), record)) to_.fail(failed);
    return;
  }
  pending_ += record;
  if (pending_.size() > hold_) flush();
}

void output::flush() {
  const int failed = write_all(to_.descriptor(), pending_);
  pending_.clear();
  if (failed) to_.fail(failed);
}

void output::close() {
  flush();
  to_.finish();
}

void output::abandon() {
  if (to_.in_place()) return close();
  flush();
  to_.leave();
}

}  // namespace fanout::fetch
