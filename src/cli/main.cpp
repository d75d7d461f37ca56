#include <fanout/process/init.hpp>

#include "cli/command.hpp"
#include "cli/usage.hpp"

#include <fmt/format.h>

#include <sys/resource.h>

#include <cstdio>
#include <exception>

namespace {

/// Every connection is a descriptor, and the soft limit is often 1,024. Failing is harmless: the limit stays.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fanout;
  init(argc, argv);
  raise_descriptor_limit();
  CLI::App app("Runs the same work under every execution model", "fanout");
  app.set_version_flag("--version", "fanout " FANOUT_VERSION);
  std::function<int()> chosen;
  cli::add_fetch(app, chosen);
  cli::add_compare(app, chosen);
  cli::add_serve(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& ended) {
    if (ended.get_exit_code() == 0) return app.exit(ended);  // --help and --version
    fmt::print(stderr, "{}", cli::explain(app, ended));
    return cli::usage;
  }
  if (!chosen) {
    fmt::print(stderr, "{}", cli::explain_missing_command(app));
    return cli::usage;
  }
  try {
    return chosen();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "fanout: {}\n", failed.what());
    return cli::usage;
  }
}
