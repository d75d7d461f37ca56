#pragma once

#include <fanout/http/headers.hpp>

#include <cassert>
#include <cstdint>
#include <string_view>

/// \file
/// Header fields from lines that lie in one piece of memory.
namespace fanout::http {

/// Adds fields whose names and values lie one after the other in a buffer, and copies that part of it once, by `end`.
/// Until then nobody may read the headers, but for their number and bytes.
///
/// Thread safety: none.
class header_lines {
 public:
  /// Whether fields were added that `end` has yet to copy.
  bool begun() const noexcept { return from_ != nullptr; }
  /// Both are in the buffer, behind all that were added before.
  void add(headers& to, std::string_view name, std::string_view value) {
    if (!begun()) {
      to_ = &to;
      from_ = name.data();
    }
    assert(to_ == &to);
    const auto place = [this, &to](std::string_view part) {
      return static_cast<std::uint32_t>(to.text_.size() + static_cast<std::size_t>(part.data() - from_));
    };
    to.fields_.push_back(
        {place(name), static_cast<std::uint32_t>(name.size()), place(value), static_cast<std::uint32_t>(value.size())});
    to.bytes_ += name.size() + value.size();
    upto_ = value.data() + value.size();
  }
  void end() {
    if (!begun()) return;
    to_->text_.append(from_, static_cast<std::size_t>(upto_ - from_));
    from_ = nullptr;
  }

 private:
  headers* to_ = nullptr;
  const char* from_ = nullptr;
  const char* upto_ = nullptr;
};

}  // namespace fanout::http
