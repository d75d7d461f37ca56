#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/process/detail/signature.hpp>

#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

/// \file
/// Values as bytes, for the way to another process. Built on cereal: numbers, enumerations, strings, paths, containers,
/// pairs, tuples, `std::optional`, `std::variant`, `std::unique_ptr`, `std::shared_ptr`, durations and points in time
/// travel as they are, a type of one's own with one line:
///
///     struct page {
///       std::string url;
///       int status;
///       template <class Archive> void serialize(Archive& archive) { archive(url, status); }
///     };
///
/// or with a free function template `serialize(Archive&, page&)` in its namespace, or a pair of `save` and `load`.
///
/// A function whose input is a `std::string_view` or a `std::span<const std::byte>` reads it where it arrived.
///
/// The bytes are the machine's own representation: both ends are the same build of the same program.
namespace fanout::detail {

/// The types that the values of a standard type consist of: cereal takes a vector of anything, and tells of its
/// elements in fifty lines.
template <class T>
struct parts_of {
  using type = type_list<>;
};
template <template <class...> class Standard, class... Parts>
  requires std::same_as<Standard<Parts...>, std::pair<Parts...>> ||
           std::same_as<Standard<Parts...>, std::tuple<Parts...>> ||
           std::same_as<Standard<Parts...>, std::variant<Parts...>>
struct parts_of<Standard<Parts...>> {
  using type = type_list<Parts...>;
};
template <class T>
  requires requires { typename T::allocator_type; }
struct parts_of<T> {
  using type = type_list<typename T::value_type>;
};
template <class T>
struct parts_of<std::optional<T>> {
  using type = type_list<T>;
};
template <class T, class Deleter>
struct parts_of<std::unique_ptr<T, Deleter>> {
  using type = type_list<T>;
};
template <class T>
struct parts_of<std::shared_ptr<T>> {
  using type = type_list<T>;
};
template <class T, std::size_t Size>
struct parts_of<std::array<T, Size>> {
  using type = type_list<T>;
};
template <class T, std::size_t Size>
struct parts_of<T[Size]> {
  using type = type_list<T>;
};

class wire_output;
class wire_input;

/// Whether an archive takes a `T`, which need not have a default constructor.
template <class Archive, class T>
consteval bool goes_through();
/// Whether values of type `T` can be a part of one that travels.
template <class T>
consteval bool can_be_part();

/// Says so where a `T`, such as a member of a type that travels, does not go through an archive.
template <class Archive, class T>
consteval bool check_goes_through() {
  constexpr bool goes = goes_through<Archive, T>();
  constexpr bool is_said = std::is_same_v<Archive, wire_input> && !goes_through<wire_output, T>();
  static_assert(goes || is_said,
                "a member of a type that travels between processes cannot travel itself: give its type a member "
                "template <class Archive> void serialize(Archive& archive) { archive(every, member); }, or a free "
                "serialize(Archive&, T&), or a pair of save and load: one of these, and a default constructor; and no "
                "pointer, nor what refers to others, can travel at all");
  return goes;
}

/// Appends to a string. (cereal's own binary archive goes through a `std::ostream`, call by call.)
class wire_output : public cereal::OutputArchive<wire_output, cereal::AllowEmptyClassElision> {
 public:
  explicit wire_output(std::string& bytes)
      : cereal::OutputArchive<wire_output, cereal::AllowEmptyClassElision>(this), bytes_(bytes) {}
  template <class... Values>
  wire_output& operator()(Values&&... values) {
    if constexpr ((check_goes_through<wire_output, std::remove_cvref_t<Values>>() && ...))
      cereal::OutputArchive<wire_output, cereal::AllowEmptyClassElision>::operator()(std::forward<Values>(values)...);
    return *this;
  }
  void append(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }

 private:
  std::string& bytes_;
};

/// Reads from bytes that must outlive it. Throws `fanout::error` of kind `protocol` at their end.
class wire_input : public cereal::InputArchive<wire_input, cereal::AllowEmptyClassElision> {
 public:
  explicit wire_input(std::string_view bytes)
      : cereal::InputArchive<wire_input, cereal::AllowEmptyClassElision>(this), bytes_(bytes) {}
  template <class... Values>
  wire_input& operator()(Values&&... values) {
    if constexpr ((check_goes_through<wire_input, std::remove_cvref_t<Values>>() && ...))
      cereal::InputArchive<wire_input, cereal::AllowEmptyClassElision>::operator()(std::forward<Values>(values)...);
    return *this;
  }

  void take(void* data, std::size_t size) {
    if (size > bytes_.size()) throw error(failure_kind::protocol, "a value from another process ends too soon");
    if (size == 0) return;  // of an empty vector, whose data may be null
    std::memcpy(data, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }
  /// Bytes that stay where they are.
  std::string_view take_view(std::size_t size) {
    if (size > bytes_.size()) throw error(failure_kind::protocol, "a value from another process ends too soon");
    const auto taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
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

/// `std::filesystem::path`, whose header takes longer to compile than this one.
template <class T>
concept path_like = requires(const T& path) {
  { T::preferred_separator } -> std::convertible_to<typename T::value_type>;
  { path.native() } -> std::same_as<const typename T::string_type&>;
  requires std::constructible_from<T, typename T::string_type>;
};
template <path_like T>
void CEREAL_SAVE_FUNCTION_NAME(wire_output& archive, const T& path) {
  archive(path.native());
}
template <path_like T>
void CEREAL_LOAD_FUNCTION_NAME(wire_input& archive, T& path) {
  typename T::string_type text;
  archive(text);
  path = T(std::move(text));
}

/// Inputs that refer to the bytes that came, without a copy: those belong to the worker and stay for as long as the
/// call of the function, or its coroutine, lasts. Nothing that contains one can travel, nor can a result be one.
template <class T>
inline constexpr bool is_borrowed =
    std::is_same_v<T, std::string_view> || std::is_same_v<T, std::span<const std::byte>>;

template <class... Parts>
consteval bool can_be_parts(type_list<Parts...>) {
  return (can_be_part<Parts>() && ...);
}
template <class Archive, class T>
consteval bool goes_through() {
  using own = std::remove_cv_t<T>;
  if constexpr (std::is_pointer_v<own> || std::is_volatile_v<T>)
    return false;  // cereal would take them, and then refuse
  else if constexpr (std::is_same_v<Archive, wire_output>)
    return cereal::traits::is_output_serializable<own, Archive>::value && can_be_parts(typename parts_of<own>::type{});
  else
    return cereal::traits::is_input_serializable<own, Archive>::value && can_be_parts(typename parts_of<own>::type{});
}
template <class T>
consteval bool can_be_part() {
  using own = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<own, std::monostate>)
    return true;
  else
    return std::is_default_constructible_v<own> && goes_through<wire_output, own>() && goes_through<wire_input, own>();
}

/// Whether values of type `T` can travel.
template <class T>
inline constexpr bool serializable = [] {
  if constexpr (std::is_void_v<T> || is_borrowed<T>)
    return true;
  else
    return can_be_part<T>();
}();

/// Numbers and enumerations go past the archive, which costs ten times as much to make as they do to copy.
template <class T>
inline constexpr bool trivially_serialized = (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) || std::is_enum_v<T>;

template <class T>
void encode_value(const T& value, std::string& bytes) {
  if constexpr (trivially_serialized<T>) {
    bytes.append(reinterpret_cast<const char*>(std::addressof(value)), sizeof value);
  } else if constexpr (is_borrowed<T>) {
    bytes.append(reinterpret_cast<const char*>(value.data()), value.size());
  } else {
    wire_output archive(bytes);
    archive(value);
  }
}

/// Calls `read` with an archive of `bytes`, all of which it has to read. Throws `fanout::error` of kind `protocol`
/// where they are not what it reads.
template <class Read>
void decode_all(std::string_view bytes, Read&& read) {
  wire_input archive(bytes);
  try {
    read(archive);
  } catch (const cereal::Exception& why) {  // such as a variant with an alternative it has not
    throw error(failure_kind::protocol, std::string("a value from another process is corrupt: ") + why.what());
  }
  if (archive.left() != 0) throw error(failure_kind::protocol, "a value from another process has bytes left over");
}

/// Throws `fanout::error` of kind `protocol` for bytes that are not a whole `T`.
template <class T>
T decode_value(std::string_view bytes) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return bytes;
  } else if constexpr (std::is_same_v<T, std::span<const std::byte>>) {
    return std::as_bytes(std::span(bytes));
  } else {
    T value{};
    if constexpr (trivially_serialized<T>) {
      if (bytes.size() != sizeof value)
        throw error(failure_kind::protocol, "a number from another process has another size");
      std::memcpy(std::addressof(value), bytes.data(), sizeof value);
    } else {
      decode_all(bytes, [&](wire_input& archive) { archive(value); });
    }
    return value;
  }
}

/// \name The arguments of one call
/// Of a function with one parameter, its value alone; else the values one after the other.
/// @{
template <class T>
void encode_argument(wire_output& archive, const T& value) {
  if constexpr (is_borrowed<T>) {
    archive(static_cast<std::uint64_t>(value.size()));
    archive.append(value.data(), value.size());
  } else {
    archive(value);
  }
}
template <class T>
void decode_argument(wire_input& archive, T& value) {
  if constexpr (is_borrowed<T>) {
    std::uint64_t size = 0;
    archive(size);
    value = decode_value<T>(archive.take_view(static_cast<std::size_t>(size)));
  } else {
    archive(value);
  }
}

template <class... Ts>
void encode_arguments(std::string& bytes, const Ts&... values) {
  if constexpr (sizeof...(Ts) == 1) {
    (encode_value(values, bytes), ...);
  } else {
    wire_output archive(bytes);
    (encode_argument(archive, values), ...);
  }
}
template <class... Ts>
std::tuple<Ts...> decode_arguments(std::string_view bytes) {
  if constexpr (sizeof...(Ts) == 1) {
    return std::tuple<Ts...>(decode_value<Ts>(bytes)...);
  } else {
    std::tuple<Ts...> values;
    decode_all(bytes, [&](wire_input& archive) {
      std::apply([&](auto&... each) { (decode_argument(archive, each), ...); }, values);
    });
    return values;
  }
}
/// @}

}  // namespace fanout::detail

CEREAL_REGISTER_ARCHIVE(fanout::detail::wire_output)
CEREAL_REGISTER_ARCHIVE(fanout::detail::wire_input)
CEREAL_SETUP_ARCHIVE_TRAITS(fanout::detail::wire_input, fanout::detail::wire_output)
