#include <fanout/http/detail/text.hpp>
#include <fanout/http/headers.hpp>

namespace fanout::http {

headers::headers(std::initializer_list<field> fields) {
  for (const field& each : fields) add(each.name, each.value);
}

void headers::add(std::string_view name, std::string_view value) {
  const auto begin = static_cast<std::uint32_t>(text_.size());
  const auto name_size = static_cast<std::uint32_t>(name.size());
  text_.append(name).append(value);
  fields_.push_back({begin, name_size, begin + name_size, static_cast<std::uint32_t>(value.size())});
  bytes_ += name.size() + value.size();
}

void headers::continue_last(std::string_view more) {
  if (more.empty()) return;
  const std::string kept_more(more);  // the view may point into text_
  extent& last = fields_.back();
  const std::size_t before = last.value_begin + last.value_size;
  text_.resize(before);  // an end of line may lie behind it
  text_.append(last.value_size == 0 ? "" : " ").append(kept_more);
  last.value_size += static_cast<std::uint32_t>(text_.size() - before);
  bytes_ += text_.size() - before;
}

void headers::set(std::string_view name, std::string_view value) {
  const std::string kept_name(name), kept_value(value);  // the views may point into text_
  remove(kept_name);
  add(kept_name, kept_value);
}

std::size_t headers::remove(std::string_view name) {
  if (!contains(name)) return 0;
  const std::string kept_name(name);
  headers left;
  left.reserve(size(), bytes());
  for (const field each : *this)
    if (!equal_ignoring_case(each.name, kept_name)) left.add(each.name, each.value);
  const std::size_t removed = size() - left.size();
  *this = std::move(left);
  return removed;
}

void headers::clear() noexcept {
  text_.clear();
  fields_.clear();
  bytes_ = 0;
}

void headers::reserve(std::size_t fields, std::size_t bytes) {
  fields_.reserve(fields);
  text_.reserve(bytes);
}

std::string_view headers::get(std::string_view name) const noexcept {
  const std::size_t index = find(name, 0);
  return index == fields_.size() ? std::string_view{} : at(index).value;
}

std::vector<std::string_view> headers::get_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (std::size_t index = find(name, 0); index != fields_.size(); index = find(name, index + 1))
    values.push_back(at(index).value);
  return values;
}

headers::field headers::at(std::size_t index) const noexcept {
  const extent& where = fields_[index];
  const std::string_view all = text_;
  return {all.substr(where.name_begin, where.name_size), all.substr(where.value_begin, where.value_size)};
}

std::size_t headers::find(std::string_view name, std::size_t from) const noexcept {
  while (from < fields_.size() && !equal_ignoring_case(at(from).name, name)) ++from;
  return from;
}

}  // namespace fanout::http
