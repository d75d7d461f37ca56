#include "cli/fetch/fetch_on_ray.hpp"

#include "cli/text/command.hpp"
#include "cli/text/messages.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace fanout::cli {
namespace {

// These say what the job reads and writes as a whole, and how it is shown.
constexpr std::array<std::string_view, 6> of_the_job{"--url", "--input", "--output", "--on", "--quiet", "--progress"};
constexpr std::array<std::string_view, 19> of_one_machine{
    "--config",       "--summary", "--metrics",    "--shard",      "--rotate", "--on-close",  "--restart",
    "--retry-failed", "--glob",    "--trace",      "--cookie-jar", "--stderr", "--write-out", "--dump-header",
    "--har",          "--verbose", "--url-column", "--usr1",       "--since"};
// What can be joined by writing one file after the other.
constexpr std::array<std::string_view, 5> suffixes{".jsonl", ".jsonl.gz", ".jsonl.zst", ".warc", ".warc.gz"};

bool is_among(std::span<const std::string_view> names, const CLI::Option& option) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return option.check_name(std::string(name)); });
}

/// What the shards get of the arguments, one after the other.
class sieve {
 public:
  explicit sieve(const CLI::App& command) : command_(command) {}

  void take(std::span<const std::string> arguments) {
    for (std::size_t at = 0; at < arguments.size(); ++at) {
      const std::string& each = arguments[at];
      const auto next = [&]() -> const std::string& { return arguments[++at]; };
      if (each == "--") return;  // URLs follow
      if (each.starts_with("--"))
        take_long(each, next);
      else if (each.starts_with('-') && each.size() > 1)
        take_short(each, next);
    }
  }
  std::vector<std::string> kept;

 private:
  template <class Next>
  void take_long(const std::string& text, Next next) {
    const auto equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const CLI::Option& option = option_of(name);
    if (equals != text.npos)
      keep(option, name, {text.substr(equals + 1)});
    else if (option.get_items_expected_max() == 0)
      keep(option, name, {});
    else
      keep(option, name, {next()});
  }

  /// "-fsS", "-H'a: b'", "-o file"
  template <class Next>
  void take_short(const std::string& text, Next next) {
    for (std::size_t i = 1; i < text.size(); ++i) {
      const std::string name{'-', text[i]};
      const CLI::Option& option = option_of(name);
      if (option.get_items_expected_max() == 0) {
        keep(option, name, {});
        continue;
      }
      const std::string rest = text.substr(i + 1);
      keep(option, name, {rest.empty() ? next() : rest});
      return;
    }
  }

  const CLI::Option& option_of(const std::string& name) const {
    const CLI::Option* const found = command_.get_option_no_throw(name);
    if (!found) throw usage_error(fmt::format("--on: {} cannot be handed to the nodes", name));
    return *found;
  }

  void keep(const CLI::Option& option, const std::string& name, const std::vector<std::string>& values) {
    if (is_among(of_one_machine, option))
      throw usage_error(fmt::format("--on: {} needs the whole job on one machine; leave one of them out", name));
    if (is_among(of_the_job, option)) return;
    kept.push_back(name);
    kept.insert(kept.end(), values.begin(), values.end());
  }

  const CLI::App& command_;
};

std::string suffix_of(const std::string& file) {
  std::string_view longest;
  for (const std::string_view each : suffixes)
    if (file.ends_with(each) && each.size() > longest.size()) longest = each;
  if (longest.empty())
    throw usage_error(
        "--on: give -o FILE.jsonl, which may be packed (.gz, .zst), or -o FILE.warc[.gz], in a directory that all "
        "nodes "
        "see");
  return std::string(longest);
}

/// Says what is missing instead of where Python looked.
constexpr const char* program =
    "import sys\n"
    "try:\n"
    "    from fanout.ray import main\n"
    "except ImportError as why:\n"
    "    print(f\"fanout fetch: --on ray: {sys.executable} has no module fanout: pip install fanout ({why}); "
    "FANOUT_PYTHON names another Python\", file=sys.stderr)\n"
    "    sys.exit(2)\n"
    "sys.exit(main())\n";

int become(std::vector<std::string> command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& each : command) arguments.push_back(each.data());
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  tell(fmt::format("fanout fetch: --on ray: cannot start '{}': {}; FANOUT_PYTHON names another Python\n", command[0],
                   std::strerror(errno)));
  return usage;
}

}  // namespace

std::vector<std::string> arguments_of_shards(const CLI::App& command, std::span<const std::string> arguments) {
  sieve of(command);
  of.take(arguments);
  return std::move(of.kept);
}

int run_on_ray(const fetch_options& given, const CLI::App& command, std::span<const std::string> arguments) {
  try {
    if (given.lists.size() + (given.urls.empty() ? 0 : 1) != 1 || (!given.lists.empty() && given.lists[0] == "-"))
      throw usage_error("--on: give one list by -i FILE, of a URL or a JSON object a line, or URLs as arguments");
    std::vector<std::string> all{
        "python3", "-c", program, "--output", given.destination, "--suffix", suffix_of(given.destination)};
    if (const char* const other = std::getenv("FANOUT_PYTHON"); other && *other) all[0] = other;
    if (!given.bulk.on->empty()) all.insert(all.end(), {"--address", *given.bulk.on});
    if (given.quiet || given.bulk.progress == progress_choice::none) all.emplace_back("--quiet");
    for (const std::string& each : given.lists) all.insert(all.end(), {"--list", each});
    for (const std::string& each : given.urls) all.insert(all.end(), {"--url", each});
    all.emplace_back("--");
    for (std::string& each : arguments_of_shards(command, arguments)) all.push_back(std::move(each));
    std::array<char, 4096> self{};
    const auto length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
    if (length > 0) ::setenv("FANOUT_TOOL", self.data(), 0);  // on this machine; other nodes have their own
    return become(std::move(all));
  } catch (const usage_error& refused) {
    tell(fmt::format("fanout fetch: {}\n", refused.what()));
    return usage;
  }
}

}  // namespace fanout::cli
