// fanout curl: curl's own command line.

#include <fanout/fetch/har.hpp>
#include <fanout/fetch/output.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/text_sinks.hpp>

#include "cli/fetch/curl_arguments.hpp"
#include "cli/fetch/fetch_run.hpp"
#include "cli/fetch/password.hpp"
#include "cli/text/command.hpp"
#include "cli/text/messages.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace fanout::cli {
namespace {

/// Files that several jobs of a line write to, one after the other.
class line_outputs {
 public:
  shared_outputs of(const fetch_options& job) {
    shared_outputs made{open<fetch::header_output>(headers_, job.header_file),
                        open<fetch::har_output>(archives_, job.archive), urls_};
    urls_ += job.urls.size();
    return made;
  }
  void close() {
    for (auto* const all : {&headers_, &archives_})
      for (const auto& [path, each] : *all) each->close();
  }

 private:
  using sinks = std::map<std::string, std::unique_ptr<fetch::sink>>;

  template <class Sink>
  static fetch::sink* open(sinks& among, const std::string& path) {
    if (path.empty() || path == "-") return nullptr;
    auto& sink = among[path];
    if (!sink) sink = std::make_unique<Sink>(fetch::output::create(path));
    return sink.get();
  }

  sinks headers_;
  sinks archives_;
  std::uint64_t urls_ = 0;
};

/// As curl: a password that is not given is asked for, of each user once, and is empty where nobody can be asked.
void ask_for_passwords(curl_command& all) {
  std::map<std::string, std::string> passwords;
  for (fetch_options& job : all.jobs) {
    std::string& user = job.http.user;
    if (user.empty() || user.find(':') != user.npos) continue;
    const auto [known, first] = passwords.try_emplace(user);
    if (first) known->second = ask_for_password(fmt::format("Enter host password for user '{}':", user));
    user.append(":").append(known->second);
  }
}

/// The exit status of the last job, or of the first that fails with --fail-early.
int run_in_turn(const curl_command& all) {
  line_outputs outputs;
  int status = ok;
  for (const fetch_options& job : all.jobs) {
    status = run_fetch(job, outputs.of(job));
    if (status == usage || status == interrupted || (status != ok && all.fail_early)) break;
  }
  outputs.close();
  return status;
}

}  // namespace

int run_curl(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && (arguments.front() == "--help" || arguments.front() == "-h")) {
    return print(help_for_terminal(curl_text()));
  }
  if (arguments.size() == 1 && (arguments.front() == "--version" || arguments.front() == "-V"))
    return print("fanout " FANOUT_VERSION ": the options of curl, for http and https\n");
  curl_command all;
  try {
    all = parse_curl(arguments);
  } catch (const usage_error& refused) {
    tell(fmt::format("fanout curl: {}\nfanout curl --help says more\n", refused.what()));
    return usage;
  }
  try {
    if (!all.jobs.front().error_file.empty()) redirect_messages(all.jobs.front().error_file);
    begin_trace(all.jobs.front().http.settings.trace_file);
    ask_for_passwords(all);
    return run_in_turn(all);
  } catch (const fetch::output_error& why) {
    tell(fmt::format("fanout curl: {}\n", why.what()));
    return 23;
  }
}

void list_curl(CLI::App& app) {
  app.add_subcommand("curl", curl_text().summary);
}

}  // namespace fanout::cli
