#pragma once

#include <fanout/base/failure.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Many encoded values as one run of bytes: what travels between processes is laid out once, not value by value. Not
/// for users.
namespace fanout::detail {

/// No encoded value may have more.
inline constexpr std::size_t max_value_bytes = (std::size_t{1} << 30) - 4096;
/// The failure of a task whose input or result has.
failure too_large_to_send();
/// The failure of a task whose input could not be encoded, for the reason that is being handled: of its kind or
/// `task_failed`, with its type and message, as where a result cannot be. Call it inside a `catch` block only.
failure not_encoded();

/// The input of one call.
struct encoded_input {
  std::string bytes;
  std::optional<failure> refused;  ///< where it could not be encoded
};

/// In place of the size of each value, where sizes differ.
inline constexpr std::uint32_t varying_size = ~std::uint32_t{0};

/// Values in bytes that belong to somebody else: back to back, with the end of each in front of them where sizes
/// differ. A plain value; as thread-safe as the bytes.
class encoded_view {
 public:
  encoded_view() = default;
  encoded_view(std::uint32_t count, std::uint32_t each, const char* ends, std::string_view bytes)
      : count_(count), each_(each), ends_(ends), bytes_(bytes) {}
  explicit encoded_view(std::string_view only)
      : count_(1), each_(static_cast<std::uint32_t>(only.size())), bytes_(only) {}

  /// Takes `count` values off the front of `payload`; empty where that is not what the bytes hold.
  static std::optional<encoded_view> take(std::string_view& payload, std::uint32_t count, std::uint32_t each);

  std::uint32_t count() const noexcept { return count_; }
  /// Size of each value, or `varying_size`.
  std::uint32_t each() const noexcept { return each_; }
  /// All values, back to back.
  std::string_view all() const noexcept { return bytes_; }
  std::string_view operator[](std::uint32_t position) const noexcept {
    if (each_ != varying_size) return {bytes_.data() + std::size_t{position} * each_, each_};
    const std::size_t begin = position == 0 ? 0 : end_of(position - 1);
    return {bytes_.data() + begin, end_of(position) - begin};
  }

 private:
  std::uint32_t end_of(std::uint32_t position) const noexcept {
    std::uint32_t end;
    std::memcpy(&end, ends_ + std::size_t{position} * sizeof end, sizeof end);
    return end;
  }

  std::uint32_t count_ = 0;
  std::uint32_t each_ = 0;
  const char* ends_ = nullptr;  ///< as they came, so not aligned
  std::string_view bytes_;
};

/// Values encoded here. A plain value.
class encoded_values {
 public:
  /// What is appended becomes the next value when it is closed. Together they must stay under 4 GiB.
  std::string& open() noexcept { return bytes_; }
  /// False for a value over the limit, which is forgotten. If it throws, for want of memory, the value is still open.
  bool close() {
    if (count_ == 0 || !ends_.empty() || bytes_.size() - end() != each_) return close_other();
    ++count_;
    return true;
  }
  /// Appends `count` values of one size, back to back; none may be open. All of them or, if it throws, none.
  void append(const void* values, std::uint32_t count, std::uint32_t each);
  /// Appends the values from `from` up to before `to`.
  void append(const encoded_view& values, std::uint32_t from, std::uint32_t to);
  /// Forgets what was appended since the last `close`.
  void abandon() { bytes_.resize(end()); }

  std::uint32_t count() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return end(); }
  std::uint32_t each() const noexcept { return ends_.empty() ? each_ : varying_size; }
  std::string_view operator[](std::uint32_t position) const noexcept;
  /// The values from `from` up to before `to`.
  encoded_values slice(std::uint32_t from, std::uint32_t to) const;
  /// Appends what `encoded_view::take` reads: the ends of values of different sizes, then `all`.
  void append_to(std::string& payload) const;
  void append_ends_to(std::string& payload) const;
  std::string_view all() const noexcept { return std::string_view(bytes_).substr(0, end()); }
  /// Bytes of the values from `from` up to before `to`.
  std::size_t bytes(std::uint32_t from, std::uint32_t to) const noexcept { return begin_of(to) - begin_of(from); }
  /// Good until the next change.
  encoded_view view() const noexcept { return {count_, each(), reinterpret_cast<const char*>(ends_.data()), all()}; }

 private:
  bool close_other();
  void note_ends();
  /// Where the value at `position` begins, or the one before it ends.
  std::size_t begin_of(std::uint32_t position) const noexcept {
    if (ends_.empty()) return std::size_t{position} * each_;
    return position == 0 ? 0 : ends_[position - 1];
  }
  std::size_t end() const noexcept { return ends_.empty() ? std::size_t{count_} * each_ : ends_.back(); }

  std::string bytes_;
  std::uint32_t count_ = 0;
  std::uint32_t each_ = 0;           ///< while all are of one size
  std::vector<std::uint32_t> ends_;  ///< of each, where they are not
};

/// Appends the inputs of a task to `encoded_values`; the last ones may follow with `flush`.
///
/// Thread safety: none.
template <class Task>
class input_appender {
 public:
  explicit input_appender(encoded_values& to) : to_(to) {}

  std::uint32_t count() const noexcept { return to_.count(); }
  std::size_t bytes() const noexcept { return to_.bytes(); }
  /// False for an input over the limit, which is forgotten. Throws what encoding it throws, and forgets it, too.
  template <class Item>
  bool add(const Task& task, const Item& item) {
    try {
      task.encode(item, to_.open());
      return to_.close();
    } catch (...) {
      to_.abandon();
      throw;
    }
  }
  void flush() {}
  /// Forgets those that were to follow. Returns how many.
  std::uint32_t drop_waiting() noexcept { return 0; }

 private:
  encoded_values& to_;
};

/// The same for numbers and their like, a chunk at a time, which costs a fraction of one by one.
template <class Task>
  requires(Task::plain_input)
class input_appender<Task> {
  using value = typename Task::input_type;

 public:
  explicit input_appender(encoded_values& to) : to_(to) {}

  std::uint32_t count() const noexcept { return to_.count() + waiting_; }
  std::size_t bytes() const noexcept { return to_.bytes() + waiting_ * sizeof(value); }
  /// Throws for want of memory, and the chunk waits on.
  bool add(const Task&, const value& item) {
    if (waiting_ == chunk_.size()) flush();
    chunk_[waiting_++] = item;
    return true;
  }
  void flush() {
    to_.append(chunk_.data(), waiting_, sizeof(value));
    waiting_ = 0;
  }
  std::uint32_t drop_waiting() noexcept { return std::exchange(waiting_, 0); }

 private:
  encoded_values& to_;
  std::uint32_t waiting_ = 0;
  std::array<value, 256> chunk_;
};

}  // namespace fanout::detail
