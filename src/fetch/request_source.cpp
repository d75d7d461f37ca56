#include <fanout/fetch/csv_reader.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/fetch/request_source.hpp>

#include "fetch/input_file.hpp"
#include "fetch/raw_members.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {
namespace {

namespace json = boost::json;

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view blank = " \t\r\n";
  const auto first = line.find_first_not_of(blank);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(blank) - first + 1);
}

/// The member as text; numbers, which ids often are, as they are written.
std::string text_of(const json::object& object, std::string_view name) {
  const json::value* const member = object.if_contains(name);
  if (!member || member->is_null()) return {};
  if (const auto* const text = member->if_string()) return std::string(*text);
  if (member->is_int64()) return std::to_string(member->get_int64());
  if (member->is_uint64()) return std::to_string(member->get_uint64());
  throw std::invalid_argument(fmt::format("\"{}\" is not a string", name));
}

request from_object(const json::object& object) {
  request made;
  made.method.clear();
  made.url = text_of(object, "url");
  made.id = text_of(object, "id");
  made.method = text_of(object, "method");
  made.body = text_of(object, "body");
  if (const json::value* const headers = object.if_contains("headers"); headers && !headers->is_null()) {
    if (!headers->is_object()) throw std::invalid_argument("\"headers\" is not an object");
    for (const auto& [name, value] : headers->get_object()) {
      if (!value.is_string()) throw std::invalid_argument("a value in \"headers\" is not a string");
      made.headers.emplace_back(std::string(name), std::string(value.get_string()));
    }
  }
  if (made.url.empty()) throw std::invalid_argument("\"url\" is missing");
  return made;
}

/// The name of a file as a part of a path.
std::string path_encoded(const std::string& name) {
  std::string made;
  for (const char c : name) {
    if (std::string_view("%?#/\\").find(c) == std::string_view::npos && static_cast<unsigned char>(c) > 0x20)
      made += c;
    else
      fmt::format_to(std::back_inserter(made), "%{:02X}", static_cast<unsigned char>(c));
  }
  return made;
}

bool names_header(const header_list& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& each) { return boost::beast::iequals(each.first, name); });
}

/// `url` with a file's name where its path ends with a slash or there is none, and with `query` behind what it has.
std::string with_end(const std::string& url, const std::string& query, const std::string& upload_name) {
  const auto fragment = std::min(url.find('#'), url.size());
  const auto mark = std::min(url.find('?'), fragment);
  std::string made = url.substr(0, mark);
  if (!upload_name.empty()) {
    const auto scheme = made.find("://");
    const auto path = made.find('/', scheme == made.npos ? 0 : scheme + 3);
    if (path == made.npos) made += '/';
    if (made.ends_with('/')) made += path_encoded(upload_name);
  }
  made += url.substr(mark, fragment - mark);
  if (!query.empty()) {
    if (mark == fragment)
      made += '?';
    else if (!made.ends_with('?') && !made.ends_with('&'))
      made += '&';
    made += query;
  }
  return made + url.substr(fragment);
}

}  // namespace

request parse_request(std::string_view line, bool passthrough) {
  line = trimmed(line);
  request made;
  made.method.clear();
  if (!line.starts_with('{')) {
    made.url = line;
    return made;
  }
  boost::system::error_code failed;
  const json::value parsed = json::parse(line, failed);
  try {
    if (failed) throw std::invalid_argument(failed.message());
    if (!parsed.is_object()) throw std::invalid_argument("not an object");
    made = from_object(parsed.get_object());
    if (passthrough) made.extra = extra_members(line);
    return made;
  } catch (const std::invalid_argument& why) {
    made.url = line;
    made.problem = fmt::format("the line is no JSON request: {}", why.what());
    return made;
  }
}

/// A column of that name would be there twice.
bool is_member_of_records(std::string_view name) {
  constexpr std::array<std::string_view, 16> members{
      "index", "id",   "url",       "status",  "bytes",  "elapsed_ms", "attempts", "http_version",
      "error", "file", "final_url", "skipped", "remark", "headers",    "timings",  "body"};
  return name == "body_base64" || std::find(members.begin(), members.end(), name) != members.end();
}

/// Blank lines and comments. No URL begins with #.
bool says_nothing(std::string_view line) {
  line = trimmed(line);
  return line.empty() || line.front() == '#';
}

/// The lines of a list. What was read and not yet taken lies in one buffer.
class request_source::line_reader {
 public:
  explicit line_reader(const std::string& path) : file_(path), table_(separator_of(path)) {}

  /// The next row of a table whose first one names the columns. What is wrong with it is an exception that names the
  /// line.
  std::optional<request> next_row(const std::string& url_column, bool passthrough) {
    if (columns_.empty()) {
      if (!read_row(columns_)) return std::nullopt;
      url_at_ = column_of(columns_, url_column);
    }
    if (!read_row(row_)) return std::nullopt;
    request made;
    made.method.clear();
    if (url_at_ < row_.size()) made.url = trimmed(row_[url_at_]);
    if (made.url.empty()) made.problem = fmt::format("line {} of the table has no URL", table_.line());
    for (std::size_t i = 0; passthrough && i < std::min(row_.size(), columns_.size()); ++i) {
      if (i == url_at_ || is_member_of_records(columns_[i])) continue;
      made.extra += ',';
      append_json_string(made.extra, columns_[i]);
      made.extra += ':';
      append_json_string(made.extra, row_[i]);
    }
    return made;
  }

  /// Whether a line can be had without waiting. A blank one or a comment is none: to pass over it here keeps `next`
  /// from waiting for what follows it.
  bool ready() {
    for (;;) {
      if (has_line()) {
        if (!says_nothing(std::string_view(text_).substr(begin_, line_end_ - begin_))) return true;
        take();
      } else if (ended_ || !file_.readable_now()) {
        return ended_;
      } else {
        read();
      }
    }
  }

  /// The next line that says something, without its end; empty at the end of the list.
  std::optional<std::string_view> next() {
    for (;;) {
      while (!has_line() && !ended_) read();
      if (line_end_ == std::string::npos) {
        if (begin_ == text_.size()) return std::nullopt;
        line_end_ = text_.size();  // the last line has no end
      }
      if (const auto line = take(); !says_nothing(line)) return line;
    }
  }

  int handle() const noexcept { return file_.handle(); }

 private:
  static char separator_of(std::string_view path) {
    for (const std::string_view packed : {".gz", ".zst"})
      if (path.ends_with(packed)) path.remove_suffix(packed.size());
    return path.ends_with(".tsv") || path.ends_with(".tab") ? '\t' : ',';
  }

  bool read_row(std::vector<std::string>& row) {
    while (!table_.next(row)) {
      if (table_ended_) return false;
      text_.clear();
      if (file_.read_into(text_)) {
        table_.feed(text_);
      } else {
        table_.feed(text_);
        table_.finish();
        table_ended_ = true;
      }
    }
    return true;
  }

  static constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

  /// The line found last.
  std::string_view take() {
    auto line = std::string_view(text_).substr(begin_, line_end_ - begin_);
    if (std::exchange(first_line_, false) && line.starts_with(byte_order_mark))
      line.remove_prefix(byte_order_mark.size());
    begin_ = std::min(line_end_ + 1, text_.size());
    searched_ = begin_;
    line_end_ = std::string::npos;
    return line;
  }

  bool has_line() {
    if (line_end_ == std::string::npos) {
      line_end_ = text_.find('\n', searched_);
      searched_ = text_.size();
    }
    return line_end_ != std::string::npos;
  }

  void read() {
    text_.erase(0, begin_);  // less than a line is left: each byte is moved once at most
    searched_ -= begin_;
    begin_ = 0;
    if (text_.size() > max_line_bytes)
      throw std::runtime_error(fmt::format("the list of URLs has a line of more than {} MiB", max_line_bytes >> 20));
    ended_ = !file_.read_into(text_);
  }

  input_file file_;
  std::string text_;
  std::size_t begin_ = 0;                     ///< of what was not taken
  std::size_t searched_ = 0;                  ///< no line ends between begin_ and here
  std::size_t line_end_ = std::string::npos;  ///< of the line at begin_, once found
  bool first_line_ = true;
  bool ended_ = false;

  csv_reader table_;
  std::vector<std::string> columns_;
  std::vector<std::string> row_;
  std::size_t url_at_ = 0;
  bool table_ended_ = false;
};

request_source::request_source(std::vector<std::string> urls, const std::string& list)
    : request_source(std::move(urls), list.empty() ? std::vector<std::string>() : std::vector{list}) {}

request_source::request_source(std::vector<std::string> urls, const std::vector<std::string>& lists)
    : urls_(std::move(urls)) {
  defaults_.method.clear();
  for (const std::string& each : lists) {
    lists_.push_back(std::make_unique<line_reader>(each));
    struct stat is{};
    const int handle = lists_.back()->handle();
    if (handle_ < 0 && fstat(handle, &is) == 0 && !S_ISREG(is.st_mode)) handle_ = handle;
  }
  if (handle_ < 0 && !lists_.empty()) handle_ = lists_.front()->handle();
}

request_source::request_source(request_source&&) noexcept = default;
request_source& request_source::operator=(request_source&&) noexcept = default;
request_source::~request_source() = default;

void request_source::set_defaults(std::string method, header_list headers, std::string body, std::string content_type) {
  content_type_ = std::move(content_type);
  defaults_.method = std::move(method);
  defaults_.headers = std::move(headers);
  defaults_.body = std::move(body);
}

void request_source::set_url_end(std::string query, std::string upload_name) {
  query_ = std::move(query);
  upload_name_ = std::move(upload_name);
}

void request_source::set_globs(bool written_out) {
  globs_ = written_out;
  if (!globs_) return;
  for (const std::string& each : urls_)
    if (!each.starts_with("{\"")) url_glob checked(each);
}

std::optional<request> request_source::next_listed() {
  for (; !lists_.empty(); lists_.erase(lists_.begin())) {
    if (!url_column_.empty()) {
      if (auto row = lists_.front()->next_row(url_column_, passthrough_)) return row;
    } else if (const auto line = lists_.front()->next()) {
      return parse_request(*line, passthrough_);
    }
  }
  return std::nullopt;
}

std::optional<request> request_source::next_given() {
  const std::string& given = urls_[next_url_];
  if (!globs_ || given.starts_with("{\"")) {
    ++next_url_;
    return parse_request(given, passthrough_);
  }
  if (!glob_) {
    glob_.emplace(given);
    next_of_glob_ = 0;
  }
  request made = parse_request((*glob_)[next_of_glob_], passthrough_);
  if (++next_of_glob_ == glob_->size()) {
    glob_.reset();
    ++next_url_;
  }
  return made;
}

std::optional<request> request_source::next() {
  auto given = next_url_ < urls_.size() ? next_given() : next_listed();
  if (!given) return given;
  return finish(*std::move(given));
}

bool request_source::skip() {
  if (next_url_ < urls_.size()) return next_given().has_value();
  if (!url_column_.empty()) return next_listed().has_value();
  for (; !lists_.empty(); lists_.erase(lists_.begin()))
    if (lists_.front()->next()) return true;
  return false;
}

bool request_source::ready() {
  return next_url_ < urls_.size() || lists_.empty() || lists_.front()->handle() != handle_ || !url_column_.empty() ||
         lists_.front()->ready();
}
int request_source::handle() {
  return handle_;
}

request request_source::finish(request what) const {
  if (!query_.empty() || !upload_name_.empty()) what.url = with_end(what.url, query_, upload_name_);
  const bool default_body = what.body.empty();
  if (default_body) what.body = defaults_.body;
  if (what.method.empty()) what.method = defaults_.method;
  if (what.method.empty()) what.method = what.body.empty() ? "GET" : "POST";
  const bool default_type = default_body && !content_type_.empty() && !names_header(what.headers, "content-type") &&
                            !names_header(defaults_.headers, "content-type");
  if (defaults_.headers.empty() && !default_type) return what;
  header_list headers;
  if (default_type) headers.emplace_back("Content-Type", content_type_);
  for (const auto& each : defaults_.headers)
    if (!names_header(what.headers, each.first)) headers.push_back(each);
  headers.insert(headers.end(), std::make_move_iterator(what.headers.begin()),
                 std::make_move_iterator(what.headers.end()));
  what.headers = std::move(headers);
  return what;
}

}  // namespace fanout::fetch
