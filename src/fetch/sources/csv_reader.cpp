#include <fanout/fetch/csv_reader.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {

void csv_reader::feed(std::string_view bytes) {
  bytes_.erase(0, at_);
  at_ = 0;
  bytes_ += bytes;
}

void csv_reader::fail(const char* what) const {
  throw std::invalid_argument(fmt::format("line {}: {}", row_begins_, what));
}

bool csv_reader::next(std::vector<std::string>& row) {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  if (!begun_) {
    if (bytes_.size() < mark.size() && !ended_ && mark.starts_with(bytes_)) return false;
    if (std::string_view(bytes_).starts_with(mark)) at_ = mark.size();
    begun_ = true;
  }
  bool whole = false;
  while (!whole && at_ < bytes_.size()) whole = take(bytes_[at_++]);
  if (!whole && ended_ && row_has_something_) {
    if (state_ == state::quoted) fail("a field in quotes does not end");
    end_field();
    whole = true;
  }
  if (!whole) return false;
  row_has_something_ = false;
  row_bytes_ = 0;
  row.swap(row_);
  row_.clear();
  row_line_ = row_begins_;
  row_begins_ = line_now_;
  return true;
}

void csv_reader::end_field() {
  row_.push_back(std::move(field_));
  field_.clear();
  state_ = state::field_begins;
}

/// True at the end of a row.
bool csv_reader::take(char c) {
  const bool second_half = after_carriage_return_ && c == '\n';
  after_carriage_return_ = c == '\r';
  if (c == '\n' && !second_half) ++line_now_;
  if (c == '\r') ++line_now_;
  if (state_ == state::quoted) {
    row_has_something_ = true;
    if (++row_bytes_ > longest_row) fail("the row is longer than 4 MiB; is a quote not closed?");
    if (c == '"')
      state_ = state::quote_in_quoted;
    else
      field_ += c;
    return false;
  }
  if (c == '\n' || c == '\r') {
    if (second_half) {  // the line has ended
      row_begins_ = line_now_;
      return false;
    }
    if (!row_has_something_) {  // a blank line
      row_begins_ = line_now_;
      return false;
    }
    end_field();
    return true;
  }
  row_has_something_ = true;
  if (++row_bytes_ > longest_row) fail("the row is longer than 4 MiB");
  if (c == separator_) {
    end_field();
  } else if (state_ == state::quote_in_quoted) {
    if (c != '"') fail("after a field in quotes comes neither a separator nor the end of the line");
    field_ += c;
    state_ = state::quoted;
  } else if (state_ == state::field_begins && c == '"') {
    state_ = state::quoted;
  } else {
    field_ += c;
    state_ = state::plain;
  }
  return false;
}

std::size_t column_of(const std::vector<std::string>& header, std::string_view name) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  std::size_t number = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failed == std::errc{} && end == name.data() + name.size() && number >= 1 && number <= header.size())
    return number - 1;
  throw std::invalid_argument(fmt::format("there is no column '{}'; there are: {}", name, fmt::join(header, ", ")));
}

}  // namespace fanout::fetch
