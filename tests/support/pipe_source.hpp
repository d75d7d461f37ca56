#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>

/// A source whose inputs come in while the run is under way.
namespace fanout::test {

/// A pipe that numbers are written into, one a line.
class line_pipe {
 public:
  line_pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  }
  line_pipe(const line_pipe&) = delete;
  line_pipe& operator=(const line_pipe&) = delete;
  ~line_pipe() {
    close(ends_[0]);
    end();
  }

  int reading_end() const { return ends_[0]; }
  void write(int number) { write_text(std::to_string(number) + "\n"); }
  /// The numbers below `count`, in one piece.
  void write_together(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += std::to_string(i) + "\n";
    write_text(text);
  }
  void write_text(const std::string& text) {
    if (::write(ends_[1], text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error("the pipe is full");
  }
  void end() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  bool nonblocking() const { return (fcntl(ends_[0], F_GETFL) & O_NONBLOCK) != 0; }

 private:
  int ends_[2] = {-1, -1};
};

/// Reads as much as there is at once and hands it out line by line, as a reader of files does.
class pipe_source {
 public:
  explicit pipe_source(line_pipe& pipe) : descriptor_(pipe.reading_end()) {}

  std::optional<int> next() {
    for (;;) {
      if (const auto line_end = text_.find('\n'); line_end != text_.npos) {
        const std::string line = text_.substr(0, line_end);
        text_.erase(0, line_end + 1);
        return std::stoi(line);
      }
      if (ended_) return std::nullopt;
      char some[65536];
      const auto got = read(descriptor_, some, sizeof some);
      if (got < 0) throw std::runtime_error("cannot read the pipe");
      if (got == 0) ended_ = true;
      text_.append(some, static_cast<std::size_t>(got));
    }
  }
  bool ready() {
    asked_.fetch_add(1);
    asked_.notify_all();
    if (ended_ || text_.find('\n') != text_.npos) return true;
    pollfd waited{descriptor_, POLLIN, 0};
    return poll(&waited, 1, 0) > 0;
  }
  int handle() const { return descriptor_; }

  /// How often a lane asked whether there is something.
  int asked() const { return asked_; }
  void wait_until_asked(int times) const {
    for (int now = asked_; now < times; now = asked_) asked_.wait(now);
  }

 private:
  int descriptor_;
  std::string text_;
  bool ended_ = false;
  std::atomic<int> asked_{0};
};

}  // namespace fanout::test
