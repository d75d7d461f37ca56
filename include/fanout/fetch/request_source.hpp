#pragma once

#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/url_glob.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Where the requests of a bulk fetch come from.
namespace fanout::fetch {

/// One line of a list as a request: a URL, or a JSON object `{"url","id"?,"method"?,"headers"?,"body"?}`, where
/// `headers` is an object of strings. A method the line does not give is left empty. What is wrong with the line goes
/// into `request::problem`; nothing is thrown.
/// Other members of the object are kept in `request::extra` if `passthrough`.
request parse_request(std::string_view line, bool passthrough = true);

class request_list;
struct settings;

/// A source of requests whose type is known only where it is made: what a job takes. See core/source.hpp.
class request_input {
 public:
  virtual ~request_input() = default;
  virtual std::optional<request> next() = 0;
  /// The same into `place`, with the memory of an earlier one that may be there: a request is large to move. False at
  /// the end.
  virtual bool next_into(std::optional<request>& place) {
    auto given = next();
    if (!given) return false;
    place = std::move(given);
    return true;
  }
  /// Takes the next one to pass over it; false at the end.
  virtual bool skip() { return next().has_value(); }
  virtual bool ready() { return true; }
  virtual int handle() { return -1; }

 protected:
  request_input() = default;
  request_input(const request_input&) = default;
  request_input(request_input&&) = default;
  request_input& operator=(const request_input&) = default;
  request_input& operator=(request_input&&) = default;
};

/// Requests from URLs given one by one, then from lists: files or standard input, plain, gzip or zstd (told by their
/// first bytes), one request a line. Blank lines are passed over. A list may also be a table of a database of SQLite,
/// `jobs.sqlite?table=pages&column=link`, whose other columns come back in `request::extra`; or a sitemap, by the end
/// of its name (`.xml`, `.xml.gz`, `.xml.zst`), or at a URL of http or https. Read as far as it is asked for, so a list
/// may be longer than memory, or still being written at its other end.
///
/// A source for `fanout::run`: while a pipe has nothing to read it is not `ready`, and lanes wait on their loops.
///
/// Throws `std::runtime_error` that names the list when it cannot be opened, read or unpacked, or has a line longer
/// than `max_line_bytes`. Thread safety: one thread at a time.
class request_source final : public request_input {
 public:
  static constexpr std::size_t max_line_bytes = 16U << 20;

  /// `list`: a path, "-" for standard input, or empty for none.
  request_source(std::vector<std::string> urls, const std::string& list);
  /// Of several, which are read one after another; all are opened now.
  request_source(std::vector<std::string> urls, const std::vector<std::string>& lists);
  request_source(request_source&&) noexcept;
  request_source& operator=(request_source&&) noexcept;
  ~request_source() override;

  /// What every request gets that does not say otherwise. Without a method anywhere it is GET, or POST with a body.
  /// `content_type` is for this body alone.
  void set_defaults(std::string method, header_list headers, std::string body, std::string content_type = {});

  /// What goes to the end of each URL: `query` behind what it has, before a fragment, and `upload_name` first where
  /// its path ends with a slash.
  void set_url_end(std::string query, std::string upload_name);
  /// Whether sets and ranges in the URLs given one by one are written out (url_glob.hpp): `page[1-100].html`. Not those
  /// of lists, and not JSON. A pattern that is wrong throws `std::invalid_argument`.
  void set_globs(bool written_out);
  /// Lists are tables of comma-separated values, or of tabs where their names end in `.tsv` (`.gz` or `.zst` behind
  /// it): the first row names the columns, and `url_column` is one of these names, or a number from 1. Other columns
  /// come back in `request::extra`, as texts. Before the first request is taken. Throws `std::invalid_argument` as
  /// `column_of`, once the first row is read.
  void set_url_column(const std::string& url_column);
  /// How sitemaps are fetched that are not files: a proxy, certificates, limits of time. Before the first request is
  /// taken.
  void set_sitemap_settings(const settings& how);
  /// A file in which sitemaps are kept that are fetched, or named by an index, so that the list is the same when it is
  /// read again. `goes_on`: with those that an earlier run kept there; otherwise the file begins empty. Does nothing
  /// without such a list. Before the first request is taken. Throws `std::runtime_error` where that file is gone, and
  /// `output_error`, also from `next`.
  void set_sitemap_store(const std::string& path, bool goes_on);
  /// Whether the other members of objects are kept in `request::extra`, which is so unless this says otherwise.
  void set_passthrough(bool kept) { passthrough_ = kept; }

  std::optional<request> next() override;
  bool next_into(std::optional<request>& place) override;
  bool skip() override;
  bool ready() override;
  int handle() override;

 private:
  void open(const std::string& list);
  void finish(request& what) const;
  bool next_listed(std::optional<request>& place);
  std::optional<request> next_given();

  std::vector<std::string> urls_;
  std::size_t next_url_ = 0;
  bool globs_ = false;
  std::optional<url_glob> glob_;  ///< of `next_url_`
  std::uint64_t next_of_glob_ = 0;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<request_list>> lists_;  ///< the first is being read
  bool waits_ = false;
  int handle_ = -1;  ///< of the first list that may have to be waited for; of another one like that `next` waits
  request defaults_;
  std::string content_type_;
  std::string query_;
  std::string upload_name_;
  bool passthrough_ = true;
};

}  // namespace fanout::fetch
