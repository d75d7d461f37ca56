#pragma once

#include <fanout/fetch/http_options.hpp>
#include <fanout/fetch/units.hpp>
#include <fanout/process/codec.hpp>

#include <cereal/types/vector.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

/// \file
/// The kinds of rows that the table of options is made of: what a value looks like, which member it sets, and how that
/// member travels to worker processes.
namespace fanout::fetch::option_rows {

// Members, of the settings or of the options themselves ---------------------------------------------------------------

template <auto Member>
inline constexpr bool of_settings = std::is_invocable_v<decltype(Member), settings&>;

template <auto Member>
auto& member_of(http_options& all) {
  if constexpr (of_settings<Member>)
    return all.settings.*Member;
  else
    return all.*Member;
}
template <auto Member>
const auto& member_of(const http_options& all) {
  if constexpr (of_settings<Member>)
    return all.settings.*Member;
  else
    return all.*Member;
}

/// The row with the encoding of its member, if that is one of the settings.
template <auto Member>
constexpr http_option travelling(http_option row) {
  if constexpr (of_settings<Member>) {
    row.save = [](const settings& from, std::string& bytes) {
      fanout::detail::wire_output archive(bytes);
      archive(from.*Member);
    };
    row.load = [](settings& into, std::string_view bytes) {
      fanout::detail::wire_input archive(bytes);
      archive(into.*Member);
      return bytes.size() - archive.left();
    };
  }
  return row;
}

// Kinds of options ----------------------------------------------------------------------------------------------------

struct words {
  std::string_view names;
  std::string_view value;  ///< "FILE"; of a flag empty
  std::string_view help;
  std::string_view excludes = {};
};

/// Sets a truth value.
template <auto Member, bool Value = true>
constexpr http_option flag(option_group group, words with) {
  http_option row{group, with.names, {}, with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view) { member_of<Member>(into) = Value; };
  row.undo = [](http_options& into) { member_of<Member>(into) = !Value; };
  return travelling<Member>(row);
}

template <auto Member>
constexpr http_option any_text(option_group group, words with) {
  http_option row{group, with.names, with.value, with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view text) { member_of<Member>(into) = text; };
  return travelling<Member>(row);
}

/// A text that says something: an empty one is a variable of a script that was not set.
template <auto Member>
constexpr http_option text(option_group group, words with) {
  http_option row = any_text<Member>(group, with);
  row.take = [](http_options& into, std::string_view given) {
    if (given.empty()) throw std::invalid_argument("the value is empty; leave the option out, or give one");
    member_of<Member>(into) = given;
  };
  return row;
}

template <auto Member>
constexpr http_option texts(option_group group, words with) {
  http_option row{group, with.names, with.value, with.help, true, with.excludes};
  row.take = [](http_options& into, std::string_view text) { member_of<Member>(into).emplace_back(text); };
  return travelling<Member>(row);
}

/// A piece of the body.
constexpr http_option data(words with, void (*take)(http_options&, std::string_view)) {
  http_option row{option_group::request, with.names, with.value, with.help, true, with.excludes};
  row.take = take;
  return row;
}
template <data_piece::kind Kind>
void take_data(http_options& into, std::string_view text) {
  into.data.push_back({Kind, std::string(text)});
}

template <auto Member>
std::string unreadable(const http_options& given) {
  const std::string& path = member_of<Member>(given);
  if (path.empty() || access(path.c_str(), R_OK) == 0) return {};
  return fmt::format("cannot read {}: {}", path, std::strerror(errno));
}

/// A text that names a file, which is there.
template <auto Member>
constexpr http_option file(option_group group, words with) {
  http_option row = text<Member>(group, with);
  row.refused = &unreadable<Member>;
  return row;
}

template <auto Member>
constexpr http_option duration(option_group group, words with) {
  http_option row{group, with.names, with.value, with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view text) { member_of<Member>(into) = parse_duration(text).count(); };
  return travelling<Member>(row);
}

template <auto Member>
constexpr http_option size(option_group group, words with) {
  http_option row{group, with.names, with.value, with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view text) { member_of<Member>(into) = parse_size(text); };
  return travelling<Member>(row);
}

template <auto Member, std::uint64_t Least, std::uint64_t Most>
constexpr http_option count(option_group group, words with) {
  http_option row{group, with.names, with.value, with.help, false, with.excludes};
  row.take = [](http_options& into, std::string_view text) {
    member_of<Member>(into) =
        static_cast<std::remove_reference_t<decltype(member_of<Member>(into))>>(parse_count(text, Least, Most));
  };
  return travelling<Member>(row);
}

/// What is so anyway: people have typed it for years.
constexpr http_option usual(std::string_view names, std::string_view help) {
  http_option row{option_group::request, names, {}, help};
  row.take = [](http_options&, std::string_view) {};
  row.undo = [](http_options&) {};
  row.usual = true;
  return row;
}

/// A setting that follows from others: it only travels.
template <auto Member>
constexpr http_option derived() {
  return travelling<Member>({});
}

constexpr http_option checked(http_option row, std::string (*refused)(const http_options&)) {
  row.refused = refused;
  return row;
}
constexpr http_option taking(http_option row, void (*take)(http_options&, std::string_view)) {
  row.take = take;
  return row;
}

/// A member of another type than its text.
template <auto Member>
constexpr http_option taken(option_group group, words with, void (*take)(http_options&, std::string_view)) {
  http_option row{group, with.names, with.value, with.help, false, with.excludes};
  row.take = take;
  return travelling<Member>(row);
}

}  // namespace fanout::fetch::option_rows
