#pragma once

#include <fanout/fetch/sinks.hpp>

#include <chrono>
#include <string>

/// \file
/// HTTP archives.
namespace fanout::fetch {

/// Appends the messages of one record as entries of an HTTP archive (HAR 1.2), with a comma between two: one for each
/// response, redirects included, or one with status 0 and `_error` where none came. What the exchange took is said of
/// the last. `ended`: when the record was complete. Bodies are there if the record has one.
void append_har_entries(std::string& text, const request& asked, const record& result,
                        std::chrono::system_clock::time_point ended);

/// A file that the tools of browsers open. The job needs `settings::keep_heads` and `keep_timings`. It is valid, and
/// complete as far as it goes, also where a job was stopped.
///
/// ```cpp
/// fanout::fetch::har_output archive(fanout::fetch::output::create("pages.har"));
/// pages.settings.keep_heads = pages.settings.keep_timings = true;
/// pages.sinks = {&archive};
/// ```
class har_output final : public sink {
 public:
  explicit har_output(output to) : to_(std::move(to)) {}
  bool wants_headers() const override { return true; }
  void take(finished& each, writer& to) override;
  void close() override;

 private:
  output to_;
  bool any_ = false;
};

}  // namespace fanout::fetch
