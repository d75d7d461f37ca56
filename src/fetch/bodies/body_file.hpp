#pragma once

#include <fanout/fetch/body_sink.hpp>
#include <fanout/fetch/detail/part_file.hpp>

#include <cstdint>
#include <optional>
#include <string>

/// \file
/// Bodies that go to a file, or to standard output.
namespace fanout::fetch::detail {

/// Writes a body as it comes. The file appears under its name when the body is whole, and a body that is cut stays in
/// FILE.part (part_file.hpp).
///
/// A write that goes to the page cache takes microseconds and is made at once, on the loop. What may wait for a reader
/// (pipes, terminals), and for a while a disk once a write to it took long, is written to on a thread, which the
/// exchange awaits.
///
/// Thread safety: as `body_sink`.
class body_file final : public body_sink {
 public:
  explicit body_file(std::string path, part_options how = {}) : path_(std::move(path)), how_(how) {}

  /// Opens it. Throws `output_error`, as `write` and `finish` do.
  void begin(const http::response& head) override;
  task<void> write(std::string_view piece) override;
  void finish() override;
  void cut() noexcept override;

  /// Keeps up to so many bytes in memory, and opens a file for larger bodies only; before `begin`. Of a body that is
  /// cut they go into the file; not to standard output.
  void hold(std::uint64_t most) noexcept { hold_ = most; }
  /// The whole body, where it was not larger than that. Valid once it is finished.
  std::optional<std::string> take_held();
  /// Keeps a record of what FILE.part is a part of, beside it, until it is whole (kept_part.hpp); before `begin`.
  void remember_as(std::string url) { url_ = std::move(url); }
  /// The file gets this time when it is whole, in seconds since 1970; 0: the time at which it was written.
  void set_time(std::int64_t seconds) noexcept { modified_ = seconds; }
  /// Goes on at the end of what FILE.part has, instead of anew; before `begin`.
  void go_on() noexcept { how_.goes_on = true; }
  /// What FILE.part has is the whole body: it gets its name. Instead of `begin`.
  void finish_as_it_is();

  /// Whether it was opened: something is written already, or will be.
  bool begun() const noexcept { return to_.has_value(); }
  /// Where the body is: the file when it is whole, FILE.part when it was cut, empty when there is none of it.
  const std::string& where() const noexcept { return where_; }
  /// How many bytes are there, if it is a file.
  std::uint64_t size() const noexcept { return size_; }

 private:
  void open();
  task<void> write_out(std::string_view bytes);

  const std::string path_;
  part_options how_;
  std::optional<part_file> to_;
  std::string where_;
  std::string url_;
  std::string held_;
  std::uint64_t hold_ = 0;
  std::uint64_t size_ = 0;
  std::int64_t modified_ = 0;
  int on_thread_ = 0;  ///< so many writes are made on a thread, although it is a file
};

}  // namespace fanout::fetch::detail
