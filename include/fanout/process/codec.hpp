#pragma once

#include <fanout/base/failure.hpp>

#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// \file
/// Values as bytes, for the way to another process. Built on cereal: standard types travel as they are, a type of one's
/// own with one line:
///
///     struct page {
///       std::string url;
///       int status;
///       template <class Archive> void serialize(Archive& archive) { archive(url, status); }
///     };
///
/// A function whose input is a `std::string_view` or a `std::span<const std::byte>` reads it where it arrived.
///
/// The bytes are the machine's own representation: both ends are the same build of the same program.
namespace fanout::detail {

/// Appends to a string. (cereal's own binary archive goes through a `std::ostream`, call by call.)
class wire_output : public cereal::OutputArchive<wire_output, cereal::AllowEmptyClassElision> {
 public:
  explicit wire_output(std::string& bytes)
      : cereal::OutputArchive<wire_output, cereal::AllowEmptyClassElision>(this), bytes_(bytes) {}
  void append(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }

 private:
  std::string& bytes_;
};

/// Reads from bytes that must outlive it. Throws `fanout::error` of kind `protocol` at their end.
class wire_input : public cereal::InputArchive<wire_input, cereal::AllowEmptyClassElision> {
 public:
  explicit wire_input(std::string_view bytes)
      : cereal::InputArchive<wire_input, cereal::AllowEmptyClassElision>(this), bytes_(bytes) {}

  void take(void* data, std::size_t size) {
    if (size > bytes_.size()) throw error(failure_kind::protocol, "a value from another process ends too soon");
    if (size == 0) return;  // of an empty vector, whose data may be null
    std::memcpy(data, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  std::size_t left() const noexcept { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

// How cereal asks an archive to store each kind of thing; found by argument-dependent look-up.
template <class T>
  requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(wire_output& archive, const T& value) {
  archive.append(std::addressof(value), sizeof value);
}
template <class T>
  requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(wire_input& archive, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    unsigned char byte = 0;  // a bool that is neither 0 nor 1 is undefined behaviour as soon as it is read
    archive.take(&byte, 1);
    if (byte > 1) throw error(failure_kind::protocol, "a truth value from another process is corrupt");
    value = byte != 0;
  } else {
    archive.take(std::addressof(value), sizeof value);
  }
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(wire_output& archive, const cereal::BinaryData<T>& data) {
  archive.append(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(wire_input& archive, cereal::BinaryData<T>& data) {
  archive.take(data.data, static_cast<std::size_t>(data.size));
}

template <class Archive, class T>
  requires std::is_same_v<Archive, wire_output> || std::is_same_v<Archive, wire_input>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, cereal::NameValuePair<T>& named) {
  archive(named.value);
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(wire_output& archive, const cereal::SizeTag<T>& tag) {
  archive(tag.size);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(wire_input& archive, cereal::SizeTag<T>& tag) {
  archive(tag.size);
  // Every element takes a byte or more, so a greater size is a corrupt one: better said than allocated.
  if (tag.size > archive.left()) throw error(failure_kind::protocol, "a container from another process is corrupt");
}

/// Inputs that refer to the bytes that came, without a copy: those belong to the worker and stay for as long as the
/// call of the function, or its coroutine, lasts. Nothing that contains one can travel, nor can a result be one.
template <class T>
inline constexpr bool is_borrowed =
    std::is_same_v<T, std::string_view> || std::is_same_v<T, std::span<const std::byte>>;

/// Whether values of type `T` can travel.
template <class T>
inline constexpr bool can_travel =
    std::is_void_v<T> || is_borrowed<T> ||
    std::conjunction_v<std::is_default_constructible<T>, cereal::traits::is_output_serializable<T, wire_output>,
                       cereal::traits::is_input_serializable<T, wire_input>>;

/// Numbers and enumerations go past the archive, which costs ten times as much to make as they do to copy.
template <class T>
inline constexpr bool travels_as_is = (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) || std::is_enum_v<T>;

template <class T>
void encode_value(const T& value, std::string& bytes) {
  if constexpr (travels_as_is<T>) {
    bytes.append(reinterpret_cast<const char*>(std::addressof(value)), sizeof value);
  } else if constexpr (is_borrowed<T>) {
    bytes.append(reinterpret_cast<const char*>(value.data()), value.size());
  } else {
    wire_output archive(bytes);
    archive(value);
  }
}

/// Throws `fanout::error` of kind `protocol` for bytes that are not a whole `T`.
template <class T>
T decode_value(std::string_view bytes) {
  if constexpr (std::is_same_v<T, std::string_view>) return bytes;
  if constexpr (std::is_same_v<T, std::span<const std::byte>>) return std::as_bytes(std::span(bytes));
  T value{};
  if constexpr (travels_as_is<T>) {
    if (bytes.size() != sizeof value)
      throw error(failure_kind::protocol, "a number from another process has another size");
    std::memcpy(std::addressof(value), bytes.data(), sizeof value);
    return value;
  } else if constexpr (!is_borrowed<T>) {
    wire_input archive(bytes);
    try {
      archive(value);
    } catch (const cereal::Exception& why) {  // such as a variant with an alternative it has not
      throw error(failure_kind::protocol, std::string("a value from another process is corrupt: ") + why.what());
    }
    if (archive.left() != 0) throw error(failure_kind::protocol, "a value from another process has bytes left over");
  }
  return value;
}

}  // namespace fanout::detail

CEREAL_REGISTER_ARCHIVE(fanout::detail::wire_output)
CEREAL_REGISTER_ARCHIVE(fanout::detail::wire_input)
CEREAL_SETUP_ARCHIVE_TRAITS(fanout::detail::wire_input, fanout::detail::wire_output)
