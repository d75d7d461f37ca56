#include "cli/text/units.hpp"

#include <fanout/fetch/units.hpp>

#include <stdexcept>

namespace fanout::cli {
namespace {

/// "--jobs" of "-j,--jobs,--parallel-max".
std::string long_name(const std::string& names) {
  const auto begin = names.find("--");
  return begin == names.npos ? names : names.substr(begin, names.find(',', begin) - begin);
}

/// Runs `parse`, and names the option when it refuses.
template <class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& names, const std::string& help, const std::string& type,
                        Parse parse) {
  auto* const option = app.add_option_function<std::string>(
      names,
      [parse, name = long_name(names)](const std::string& text) {
        try {
          parse(text);
        } catch (const std::invalid_argument& refused) {
          throw CLI::ValidationError(name, refused.what());
        }
      },
      help);
  return option->type_name(type);
}

}  // namespace

CLI::Option* add_duration(CLI::App& app, const std::string& names, std::chrono::milliseconds& into,
                          const std::string& help) {
  return add_parsed(app, names, help, "DURATION",
                    [&into](const std::string& text) { into = fetch::parse_duration(text); });
}

CLI::Option* add_size(CLI::App& app, const std::string& names, std::uint64_t& into, const std::string& help) {
  return add_parsed(app, names, help, "SIZE", [&into](const std::string& text) { into = fetch::parse_size(text); });
}

CLI::Option* add_count(CLI::App& app, const std::string& names, std::uint64_t& into, count_limits limits,
                       const std::string& help) {
  return add_parsed(app, names, help, "N", [&into, limits](const std::string& text) {
    into = fetch::parse_count(text, limits.least, limits.most);
  });
}

}  // namespace fanout::cli
