#pragma once

#include <fanout/fetch/sinks.hpp>

#include <cstdint>
#include <memory>
#include <string>

/// \file
/// Sinks of what curl prints beside a page.
namespace fanout::fetch {

class write_out;

/// The headers of all responses as they came, redirects included, as `curl -D` saves them. The job needs
/// `settings::keep_heads`.
class header_output final : public sink {
 public:
  explicit header_output(output to) : to_(std::move(to)) {}
  void take(finished& each, writer& to) override;
  void close() override { any_ || !to_.replaces() ? to_.close() : to_.abandon(); }

 private:
  output to_;
  bool any_ = false;
};

/// What a format of `curl -w` makes of each record, on standard output and standard error. The job needs
/// `settings::keep_heads` and `keep_timings`.
class format_output final : public sink {
 public:
  /// `format`: as curl's -w takes it; "@FILE" reads it from a file. `fail`: a status of 400 and above is a failure.
  /// `first_number`: of the first URL, for %{urlnum}. Throws `std::invalid_argument` for what is not a format, and for
  /// a file that cannot be read.
  format_output(const std::string& format, bool fail, std::uint64_t first_number = 0);
  ~format_output() override;
  bool wants_headers() const override { return true; }
  void take(finished& each, writer& to) override;

 private:
  const std::unique_ptr<const write_out> format_;
  const bool fail_;
  const std::uint64_t first_number_;
};

}  // namespace fanout::fetch
