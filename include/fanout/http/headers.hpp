#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Header fields of a message.
namespace fanout::http {

/// Header fields in the order they were sent; names compare without regard to case and may repeat.
///
/// All names and values lie in one string, so that a response costs two allocations however many fields it has, and one
/// copy of its header's lines where they came in one piece. Views handed out are valid until the headers change.
/// Look-up is linear: messages have a dozen fields.
///
/// Thread safety: as any value.
class headers {
 public:
  struct field {
    std::string_view name;
    std::string_view value;
  };

  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = field;
    using difference_type = std::ptrdiff_t;
    using pointer = const field*;
    using reference = field;

    const_iterator() = default;
    field operator*() const noexcept { return owner_->at(index_); }
    const_iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    const_iterator operator++(int) noexcept {
      auto before = *this;
      ++index_;
      return before;
    }
    friend bool operator==(const_iterator, const_iterator) = default;

   private:
    friend class headers;
    const_iterator(const headers* owner, std::size_t index) : owner_(owner), index_(index) {}
    const headers* owner_ = nullptr;
    std::size_t index_ = 0;
  };

  headers() = default;
  headers(std::initializer_list<field> fields);

  /// Appends a field; equal names stay separate fields.
  void add(std::string_view name, std::string_view value);
  /// Adds a blank and `more` to the value of the last field, which there must be, as a line that folds it does (RFC
  /// 9112 section 5.2).
  void continue_last(std::string_view more);
  /// Replaces every field of this name by one.
  void set(std::string_view name, std::string_view value);
  /// Removes every field of this name; returns how many there were.
  std::size_t remove(std::string_view name);
  void clear() noexcept;
  void reserve(std::size_t fields, std::size_t bytes);

  /// The first value of this name; empty when there is none (`contains` tells an empty value from none).
  std::string_view get(std::string_view name) const noexcept;
  std::string_view operator[](std::string_view name) const noexcept { return get(name); }
  bool contains(std::string_view name) const noexcept { return find(name, 0) != fields_.size(); }
  /// Every value of this name, in order.
  std::vector<std::string_view> get_all(std::string_view name) const;

  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  /// Bytes of all names and values.
  std::size_t bytes() const noexcept { return bytes_; }
  field at(std::size_t index) const noexcept;
  const_iterator begin() const noexcept { return {this, 0}; }
  const_iterator end() const noexcept { return {this, fields_.size()}; }

 private:
  friend class header_lines;
  struct extent {
    std::uint32_t name_begin;
    std::uint32_t name_size;
    std::uint32_t value_begin;
    std::uint32_t value_size;
  };
  std::size_t find(std::string_view name, std::size_t from) const noexcept;

  std::string text_;  ///< what lies between names and values is nobody's
  std::vector<extent> fields_;
  std::size_t bytes_ = 0;
};

}  // namespace fanout::http
