#pragma once

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// Values that are nearly always absent.
namespace fanout::fetch {

/// An optional value that takes the room of a pointer while it is absent, and moves as one: a record has a dozen such
/// members, and is moved from hand to hand. Copies are deep. As `std::optional` else.
///
/// Thread safety: as any value.
template <class T>
class rare {
 public:
  rare() = default;
  rare(T value) : value_(std::make_unique<T>(std::move(value))) {}
  rare(const rare& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  rare(rare&&) noexcept = default;
  rare& operator=(const rare& other) {
    if (this != &other) *this = rare(other);
    return *this;
  }
  rare& operator=(rare&&) noexcept = default;
  ~rare() = default;

  explicit operator bool() const noexcept { return value_ != nullptr; }
  bool has_value() const noexcept { return value_ != nullptr; }
  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_.get(); }
  template <class... Arguments>
  T& emplace(Arguments&&... arguments) {
    value_ = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    return *value_;
  }
  T value_or(T otherwise) const { return value_ ? *value_ : std::move(otherwise); }
  void reset() noexcept { value_.reset(); }

  template <class Archive>
  void serialize(Archive& archive) {
    bool there = has_value();
    archive(there);
    if (!there) return reset();
    if (!value_) value_ = std::make_unique<T>();
    archive(*value_);
  }

 private:
  std::unique_ptr<T> value_;
};

/// Text that is nearly always empty; it reads as a `std::string`. To format it, give `str()`: newer {fmt} takes no type
/// for what it is convertible to.
class rare_text {
 public:
  rare_text() = default;
  rare_text(std::string text) {
    if (!text.empty()) text_.emplace(std::move(text));
  }
  rare_text(std::string_view text) : rare_text(std::string(text)) {}
  rare_text(const char* text) : rare_text(std::string(text)) {}

  const std::string& str() const noexcept { return text_ ? *text_ : none; }
  operator const std::string&() const noexcept { return str(); }
  operator std::string_view() const noexcept { return str(); }
  bool empty() const noexcept { return str().empty(); }
  std::size_t size() const noexcept { return str().size(); }
  bool ends_with(std::string_view end) const noexcept { return str().ends_with(end); }
  rare_text& operator+=(std::string_view more) {
    if (more.empty()) return *this;
    if (!text_) text_.emplace();
    *text_ += more;
    return *this;
  }
  void clear() noexcept { text_.reset(); }
  /// Moves it away.
  std::string take() {
    std::string all;
    if (text_) all = std::move(*text_);
    clear();
    return all;
  }

  friend bool operator==(const rare_text& left, std::string_view right) noexcept { return left.str() == right; }
  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& to, const rare_text& text) {
    return to << text.str();
  }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(text_);
  }

 private:
  static inline const std::string none;
  rare<std::string> text_;
};

}  // namespace fanout::fetch
