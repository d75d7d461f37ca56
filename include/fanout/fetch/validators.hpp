#pragma once

#include <fanout/fetch/request_source.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// What an earlier run knows of its pages, so that those that are the same still are not sent again.
namespace fanout::fetch {

/// What a server tells one version of a page from another by (RFC 9110 section 8.8).
struct validator {
  std::string etag;
  std::string last_modified;
  /// \name Of a web archive: the record that has the page, as its fields say; empty: it is not known
  /// @{
  std::string record_id = {};
  std::string record_url = {};
  std::string record_date = {};
  std::string payload_digest = {};
  /// @}
};

/// The ETag and Last-Modified of the pages in the output of an earlier run, by the URLs that were asked for: of JSON
/// Lines whose records have headers (`--with-headers`), plain or packed, of a directory's `records.jsonl`, of a web
/// archive, or of a database. They are kept in a file without a name, in $TMPDIR, so memory does not grow with them.
///
/// Throws `std::runtime_error` that names the output where it cannot be read, or has neither for any page.
///
/// Thread safety: `find` and `add_to` on any thread.
class validators {
 public:
  explicit validators(const std::string& output);
  validators(validators&&) noexcept;
  validators& operator=(validators&&) noexcept;
  ~validators();

  /// How many pages have one.
  std::uint64_t size() const noexcept;
  std::optional<validator> find(std::string_view url) const;
  /// Gives a GET or HEAD the headers If-None-Match and If-Modified-Since, unless it has a condition or a range already.
  void add_to(request& asked) const;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

/// The requests of a source, with the conditions that an earlier output gives them: a page that is the same is answered
/// by 304, without a body.
///
/// Thread safety: as the source.
class conditional_input final : public request_input {
 public:
  conditional_input(request_input& source, const validators& known) : source_(source), known_(known) {}

  std::optional<request> next() override {
    auto given = source_.next();
    if (given) known_.add_to(*given);
    return given;
  }
  bool skip() override { return source_.skip(); }
  bool ready() override { return source_.ready(); }
  int handle() override { return source_.handle(); }

 private:
  request_input& source_;
  const validators& known_;
};

}  // namespace fanout::fetch
