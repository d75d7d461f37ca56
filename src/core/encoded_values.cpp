#include <fanout/core/detail/encoded_values.hpp>

#include <utility>

namespace fanout::detail {

std::optional<encoded_view> encoded_view::take(std::string_view& payload, std::uint32_t count, std::uint32_t each) {
  const char* ends = nullptr;
  std::uint64_t size = std::uint64_t{count} * each;
  std::string_view rest = payload;
  if (each == varying_size) {
    const std::uint64_t table = std::uint64_t{count} * sizeof(std::uint32_t);
    if (count == 0 || rest.size() < table) return std::nullopt;
    ends = rest.data();
    rest.remove_prefix(table);
    std::uint32_t last = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      std::uint32_t end;
      std::memcpy(&end, ends + std::size_t{i} * sizeof end, sizeof end);
      if (end < last) return std::nullopt;
      last = end;
    }
    size = last;
  }
  if (rest.size() < size) return std::nullopt;
  encoded_view taken(count, each, ends, rest.substr(0, size));
  rest.remove_prefix(size);
  payload = rest;
  return taken;
}

failure too_large_to_send() {
  return {.kind = failure_kind::too_large, .message = "values of more than 1 GiB cannot travel between processes"};
}

failure not_encoded() {
  failure reason = current_failure();
  reason.exception = nullptr;  // as all that comes of calling another process
  return reason;
}

bool encoded_values::close_other() {
  const std::size_t size = bytes_.size() - end();
  if (size > max_value_bytes) {
    abandon();
    return false;
  }
  if (count_ == 0) {
    each_ = static_cast<std::uint32_t>(size);
  } else if (size != each_) {
    note_ends();
  }
  if (!ends_.empty()) ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  ++count_;
  return true;
}

void encoded_values::append(const void* values, std::uint32_t count, std::uint32_t each) {
  if (count == 0) return;
  if (count_ > 0 && (!ends_.empty() || each != each_)) {
    note_ends();
    if (ends_.capacity() - ends_.size() < count) ends_.reserve(ends_.size() * 2 + count);
  }
  bytes_.append(static_cast<const char*>(values), std::size_t{count} * each);
  if (count_ == 0) each_ = each;
  for (std::uint32_t i = 0; !ends_.empty() && i < count; ++i) ends_.push_back(ends_.back() + each);
  count_ += count;
}

void encoded_values::append(const encoded_view& values, std::uint32_t from, std::uint32_t to) {
  if (values.each() != varying_size)
    return append(values.all().data() + std::size_t{from} * values.each(), to - from, values.each());
  for (std::uint32_t i = from; i < to; ++i) {
    open() += values[i];
    close();
  }
}

/// From now on sizes may differ.
void encoded_values::note_ends() {
  if (!ends_.empty()) return;
  ends_.reserve(std::size_t{count_} * 2);
  for (std::uint32_t i = 1; i <= count_; ++i) ends_.push_back(i * each_);
}

std::string_view encoded_values::operator[](std::uint32_t position) const noexcept {
  return std::string_view(bytes_).substr(begin_of(position), bytes(position, position + 1));
}

encoded_values encoded_values::slice(std::uint32_t from, std::uint32_t to) const {
  encoded_values part;
  const std::size_t begin = begin_of(from);
  part.bytes_.assign(bytes_, begin, bytes(from, to));
  part.count_ = to - from;
  part.each_ = each_;
  for (std::uint32_t i = from; !ends_.empty() && i < to; ++i)
    part.ends_.push_back(ends_[i] - static_cast<std::uint32_t>(begin));
  return part;
}

void encoded_values::append_to(std::string& payload) const {
  append_ends_to(payload);
  payload += all();
}

void encoded_values::append_ends_to(std::string& payload) const {
  if (!ends_.empty()) payload.append(reinterpret_cast<const char*>(ends_.data()), ends_.size() * sizeof(std::uint32_t));
}

}  // namespace fanout::detail
