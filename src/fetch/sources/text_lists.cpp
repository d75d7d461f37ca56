#include "fetch/sources/text_lists.hpp"

#include <fanout/fetch/record_text.hpp>

#include "fetch/sources/request_line.hpp"
#include "fetch/text/raw_members.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {
namespace {

/// Blank lines and comments. No URL begins with #.
bool says_nothing(std::string_view line) {
  line = without_blanks(line);
  return line.empty() || line.front() == '#';
}

/// As new, but for the method, and with the memory of its texts.
void make_blank(request& one) {
  for (std::string* const each :
       {&one.url, &one.id, &one.method, &one.body, &one.extra, &one.file, &one.sha256, &one.problem})
    each->clear();
  one.headers.clear();
  one.mirrors.clear();
  one.index = 0;
  one.earlier.reset();
}

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

char separator_of(std::string_view path) {
  for (const std::string_view packed : {".gz", ".zst"})
    if (path.ends_with(packed)) path.remove_suffix(packed.size());
  return path.ends_with(".tsv") || path.ends_with(".tab") ? '\t' : ',';
}

}  // namespace

std::optional<request> line_list::next(bool passthrough) {
  std::optional<request> made;
  next_into(made, passthrough);
  return made;
}

bool line_list::next_into(std::optional<request>& place, bool passthrough) {
  const auto line = next_line();
  if (!line) return false;
  if (!place) place.emplace();
  make_blank(*place);
  read_request(*line, passthrough, *place);
  return true;
}

/// A blank line or a comment is none: to pass over it here keeps `next` from waiting for what follows it.
bool line_list::ready() {
  for (;;) {
    if (has_line()) {
      if (!says_nothing(std::string_view(text_).substr(begin_, line_end_ - begin_))) return true;
      take();
    } else if (ended_ || !file_->readable_now()) {
      return ended_;
    } else {
      read();
    }
  }
}

/// The next line that says something, without blanks around it; empty at the end of the list.
std::optional<std::string_view> line_list::next_line() {
  for (;;) {
    while (!has_line() && !ended_) read();
    if (line_end_ == std::string::npos) {
      if (begin_ == text_.size()) return std::nullopt;
      line_end_ = text_.size();  // the last line has no end
    }
    const auto line = without_blanks(take());
    if (!line.empty() && line.front() != '#') return line;
  }
}

/// The line found last.
std::string_view line_list::take() {
  auto line = std::string_view(text_).substr(begin_, line_end_ - begin_);
  if (std::exchange(first_line_, false) && line.starts_with(byte_order_mark))
    line.remove_prefix(byte_order_mark.size());
  begin_ = std::min(line_end_ + 1, text_.size());
  searched_ = begin_;
  line_end_ = std::string::npos;
  return line;
}

bool line_list::has_line() {
  if (line_end_ == std::string::npos) {
    line_end_ = text_.find('\n', searched_);
    searched_ = text_.size();
  }
  return line_end_ != std::string::npos;
}

void line_list::read() {
  text_.erase(0, begin_);  // less than a line is left: each byte is moved once at most
  searched_ -= begin_;
  begin_ = 0;
  if (text_.size() > most_line_bytes)
    throw std::runtime_error(fmt::format("the list of URLs has a line of more than {} MiB", most_line_bytes >> 20));
  ended_ = !file_->read_into(text_);
}

table_list::table_list(std::unique_ptr<input_file> file, const std::string& name, std::string url_column)
    : file_(std::move(file)), url_column_(std::move(url_column)), table_(separator_of(name)) {}

/// What is wrong with the table as a whole is an exception that names the line.
std::optional<request> table_list::next(bool passthrough) {
  if (columns_.empty()) {
    if (!read_row(columns_)) return std::nullopt;
    url_at_ = column_of(columns_, url_column_);
  }
  if (!read_row(row_)) return std::nullopt;
  request made;
  made.method.clear();
  if (url_at_ < row_.size()) made.url = without_blanks(row_[url_at_]);
  if (made.url.empty()) made.problem = fmt::format("line {} of the table has no URL", table_.line());
  for (std::size_t i = 0; i < std::min(row_.size(), columns_.size()); ++i) {
    if (i != url_at_) set_column(made, columns_[i], row_[i]);
    if (!passthrough || i == url_at_ || is_member_of_records(columns_[i])) continue;
    made.extra += ',';
    append_json_string(made.extra, columns_[i]);
    made.extra += ':';
    append_json_string(made.extra, row_[i]);
  }
  return made;
}

bool table_list::read_row(std::vector<std::string>& row) {
  while (!table_.next(row)) {
    if (table_ended_) return false;
    text_.clear();
    if (file_->read_into(text_)) {
      table_.feed(text_);
    } else {
      table_.feed(text_);
      table_.finish();
      table_ended_ = true;
    }
  }
  return true;
}

}  // namespace fanout::fetch
