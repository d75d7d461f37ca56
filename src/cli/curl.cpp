// fanout curl: curl's own command line.

#include <fanout/fetch/output.hpp>

#include "cli/command.hpp"
#include "cli/curl_arguments.hpp"
#include "cli/fetch_run.hpp"
#include "cli/messages.hpp"

#include <fmt/format.h>

#include <unistd.h>

namespace fanout::cli {
namespace {

constexpr std::string_view about_curl =
    "Takes a command line of curl as it is: fanout curl -sSL URL\n\n"
    "Options have curl's names and meaning; one that is not supported is named.\n"
    "Exit status: curl's (6 no such host, 7 no connection, 22 with -f a status of 400 or above, 28 timeout, ...) of "
    "the\n"
    "last URL; 2 usage, 130 interrupted.\n\n";

}  // namespace

int run_curl(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && (arguments.front() == "--help" || arguments.front() == "-h")) {
    fetch::write_all(STDOUT_FILENO, std::string(about_curl) + curl_options_help());
    return ok;
  }
  curl_command all;
  try {
    all = parse_curl(arguments);
  } catch (const usage_error& refused) {
    tell(fmt::format("fanout curl: {}\nfanout curl --help says more\n", refused.what()));
    return usage;
  }
  int status = ok;
  for (const fetch_options& job : all.jobs) {
    status = run_fetch(job);
    if (status == usage || status == interrupted) return status;
  }
  return status;
}

void list_curl(CLI::App& app) {
  app.add_subcommand("curl", "Take a command line of curl as it is: fanout curl -sSL URL")
      ->footer("fanout curl --help lists the options of curl that are supported.");
}

}  // namespace fanout::cli
