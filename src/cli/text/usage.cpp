#include "cli/text/usage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace fanout::cli {
namespace {

/// The command that was parsed last, or the tool itself.
const CLI::App& innermost(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

/// "fanout serve"
std::string full_name(const CLI::App& app) {
  return app.get_parent() ? fmt::format("{} {}", full_name(*app.get_parent()), app.get_name()) : app.get_name();
}

std::string commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(each->get_name());
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* each : app.get_options())
    if (each->nonpositional() && !each->get_name().empty()) names.push_back(each->get_name());
  return fmt::format("{}", fmt::join(names, ", "));
}

/// How many letters must be changed, added, left out or exchanged with the next to make one of the other (the
/// restricted distance of Damerau and Levenshtein).
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> before(other.size() + 1);
  std::vector<std::size_t> last(other.size() + 1);
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= one.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= other.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (one[i - 1] != other[j - 1])});
      const bool exchanged = i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
      if (exchanged) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

/// How far a name may be from what was given to be what was meant.
std::size_t near_enough(std::string_view given) {
  return std::max<std::size_t>(1, given.size() / 3);
}

/// The long option that was most likely meant; empty where none is near.
std::string nearest_option(const CLI::App& app, std::string_view given) {
  if (!given.starts_with("--")) return {};
  given = given.substr(2, given.find('=') - 2);
  std::string nearest;
  std::size_t best = near_enough(given) + 1;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      // The front of a name is what people type who know the rest.
      const std::size_t far = name.starts_with(given) && given.size() > 2 ? 1 : distance(given, name);
      if (far >= best) continue;
      best = far;
      nearest = "--" + name;
    }
  }
  return nearest;
}

std::string nearest_command(const CLI::App& app, std::string_view given) {
  std::string nearest;
  std::size_t best = near_enough(given) + 1;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::size_t far = distance(given, each->get_name());
    if (far >= best) continue;
    best = far;
    nearest = each->get_name();
  }
  return nearest;
}

/// "; accepted: ..." where that is short enough to read.
std::string accepted(const CLI::App& app) {
  constexpr std::size_t few_options = 20;
  return app.get_options().size() > few_options ? "" : "; accepted: " + options_of(app);
}

std::string unexpected(const CLI::App& used) {
  const auto left = used.remaining();
  const std::string extra = left.empty() ? "" : left.front();
  if (extra.starts_with('-')) {
    const std::string said = fmt::format("{}: unknown option '{}'", full_name(used), extra);
    if (const std::string meant = nearest_option(used, extra); !meant.empty())
      return fmt::format("{}; did you mean {}?", said, meant);
    return said + accepted(used);
  }
  if (!used.get_parent() || !commands_of(used).empty())
    return fmt::format("{}: {}", full_name(used), unknown_command(used, extra));
  return fmt::format("{}: unexpected argument '{}'{}", full_name(used), extra, accepted(used));
}

std::string with_hint(const CLI::App& used, const std::string& message) {
  return fmt::format("{}\n{} --help says more\n", message, full_name(used));
}

}  // namespace

std::string unknown_command(const CLI::App& app, const std::string& given) {
  const std::string meant = nearest_command(app, given);
  if (!meant.empty()) return fmt::format("unknown command '{}'; did you mean {}?", given, meant);
  return fmt::format("unknown command '{}'; accepted: {}", given, commands_of(app));
}

std::string explain(const CLI::App& app, const CLI::ParseError& failed) {
  // What precedes the command is left over in the tool itself, and is wrong whatever the command says.
  const CLI::App& used = app.remaining_size() > 0 ? app : innermost(app);
  if (dynamic_cast<const CLI::ExtrasError*>(&failed)) return with_hint(used, unexpected(used));
  return with_hint(used, fmt::format("{}: {}", full_name(used), failed.what()));
}

std::string explain_missing_command(const CLI::App& app) {
  return with_hint(app, fmt::format("{}: a command is missing; accepted: {}", full_name(app), commands_of(app)));
}

}  // namespace fanout::cli
