#include <fanout/fetch/request_source.hpp>

#include "fetch/sources/open_list.hpp"
#include "fetch/sources/request_line.hpp"
#include "fetch/sources/sitemap_list.hpp"
#include "fetch/sources/sitemap_store.hpp"
#include "fetch/sources/text_lists.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {
namespace {

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
  return request_of_line(line, passthrough);
}

request_source::request_source(std::vector<std::string> urls, const std::string& list)
    : request_source(std::move(urls), list.empty() ? std::vector<std::string>() : std::vector{list}) {}

request_source::request_source(std::vector<std::string> urls, const std::vector<std::string>& lists)
    : urls_(std::move(urls)), names_(lists) {
  defaults_.method.clear();
  for (const std::string& each : names_) open(each);
}

void request_source::open(const std::string& list) {
  lists_.push_back(open_list(list));
  struct stat is{};
  const int handle = lists_.back()->handle();
  if (handle < 0) return;
  const bool may_wait = fstat(handle, &is) != 0 || !S_ISREG(is.st_mode);
  if (handle_ < 0 || (may_wait && !waits_)) handle_ = handle;
  waits_ = waits_ || may_wait;
}

void request_source::set_url_column(const std::string& url_column) {
  for (std::size_t i = 0; i < lists_.size(); ++i)
    if (auto* const lines = dynamic_cast<line_list*>(lists_[i].get()))
      lists_[i] = std::make_unique<table_list>(lines->release_file(), names_[i], url_column);
}

void request_source::set_sitemap_settings(const settings& how) {
  for (const auto& each : lists_) each->set_settings(how);
}

void request_source::set_sitemap_store(const std::string& path, bool goes_on) {
  if (std::none_of(names_.begin(), names_.end(), needs_store)) return;
  const auto store = std::make_shared<sitemap_store>(path, goes_on);
  for (const auto& each : lists_) each->set_store(store);
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

bool request_source::next_listed(std::optional<request>& place) {
  for (; !lists_.empty(); lists_.erase(lists_.begin()))
    if (lists_.front()->next_into(place, passthrough_)) return true;
  return false;
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
  std::optional<request> given;
  next_into(given);
  return given;
}

bool request_source::next_into(std::optional<request>& place) {
  if (next_url_ < urls_.size())
    place = next_given();
  else if (!next_listed(place))
    return false;
  finish(*place);
  return true;
}

bool request_source::skip() {
  if (next_url_ < urls_.size()) return next_given().has_value();
  for (; !lists_.empty(); lists_.erase(lists_.begin()))
    if (lists_.front()->skip()) return true;
  return false;
}

bool request_source::ready() {
  return next_url_ < urls_.size() || lists_.empty() || lists_.front()->handle() != handle_ || lists_.front()->ready();
}
int request_source::handle() {
  return handle_;
}

void request_source::finish(request& what) const {
  if (!query_.empty() || !upload_name_.empty()) what.url = with_end(what.url, query_, upload_name_);
  const bool default_body = what.body.empty();
  if (default_body && !defaults_.body.empty()) what.body = defaults_.body;
  if (what.method.empty() && !defaults_.method.empty()) what.method = defaults_.method;
  if (what.method.empty()) what.method = what.body.empty() ? std::string("GET") : std::string("POST");
  const bool default_type = default_body && !content_type_.empty() && !names_header(what.headers, "content-type") &&
                            !names_header(defaults_.headers, "content-type");
  if (defaults_.headers.empty() && !default_type) return;
  header_list headers;
  if (default_type) headers.emplace_back("Content-Type", content_type_);
  for (const auto& each : defaults_.headers)
    if (!names_header(what.headers, each.first)) headers.push_back(each);
  headers.insert(headers.end(), std::make_move_iterator(what.headers.begin()),
                 std::make_move_iterator(what.headers.end()));
  what.headers = std::move(headers);
}

}  // namespace fanout::fetch
