#include <fanout/process/init.hpp>

#include "cli/text/command.hpp"
#include "cli/text/command_text.hpp"
#include "cli/text/messages.hpp"
#include "cli/text/usage.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string_view>

namespace {

/// Every connection is a descriptor, and the soft limit is often 1,024. Failing is harmless: the limit stays.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// A standard descriptor that is closed would be given to the next thing opened, and records or messages written into
/// that. In its place goes one that cannot be used in its direction, so that using it still fails.
void occupy_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(descriptor, F_GETFD) < 0)  // open() takes the lowest number that is free: this one
      static_cast<void>(::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY));
}

int run(int argc, char** argv) {
  using namespace fanout;
  if (argc > 1 && std::string_view(argv[1]) == "curl") return cli::run_curl({argv + 2, argv + argc});
  CLI::App app("Run the same work under every execution model", "fanout");
  cli::use_help_text(app);
  app.set_version_flag("-V,--version", "fanout " FANOUT_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  std::function<int()> chosen;
  cli::add_fetch(app, chosen, {argv + std::min(argc, 2), argv + argc});
  cli::list_curl(app);
  cli::add_compare(app, chosen);
  cli::add_serve(app, chosen);
  cli::add_job(app, chosen);
  cli::add_help(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& ended) {
    if (ended.get_exit_code() == 0) return app.exit(ended);  // --help and --version
    cli::tell(cli::explain(app, ended));
    return cli::usage;
  }
  if (!chosen) {
    cli::tell(cli::explain_missing_command(app));
    return cli::usage;
  }
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_descriptors();
  fanout::init(argc, argv);
  raise_descriptor_limit();
  try {
    return run(argc, argv);
  } catch (const std::exception& failed) {
    fanout::cli::tell(fmt::format("fanout: {}\n", failed.what()));
    return fanout::cli::usage;
  }
}
