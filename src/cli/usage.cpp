#include "cli/usage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
    if (each->nonpositional()) names.push_back(each->get_name());
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string unexpected(const CLI::App& used) {
  const auto left = used.remaining();
  const std::string extra = left.empty() ? "" : left.front();
  if (extra.starts_with('-'))
    return fmt::format("{}: unknown option '{}'; accepted: {}", full_name(used), extra, options_of(used));
  if (!used.get_parent())
    return fmt::format("{}: unknown command '{}'; accepted: {}", full_name(used), extra, commands_of(used));
  return fmt::format("{}: unexpected argument '{}'; it takes options only: {}", full_name(used), extra,
                     options_of(used));
}

std::string with_hint(const CLI::App& used, const std::string& message) {
  return fmt::format("{}\n{} --help says more\n", message, full_name(used));
}

}  // namespace

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
