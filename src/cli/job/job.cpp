// fanout job: the parts of a bulk fetch on many machines.

#include <fanout/compare/present.hpp>
#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/output.hpp>

#include "cli/job/job_look.hpp"
#include "cli/job/job_script.hpp"
#include "cli/job/job_shard.hpp"
#include "cli/job/job_split.hpp"
#include "cli/text/command.hpp"
#include "cli/text/messages.hpp"
#include "cli/text/shell_quoted.hpp"
#include "cli/text/units.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace fanout::cli {
namespace {

constexpr std::uint64_t most_shards = 10'000'000;

/// Runs `work`, and says what failed.
template <typename Work>
int guarded(const char* command, Work work) {
  try {
    return work();
  } catch (const std::invalid_argument& refused) {
    tell(fmt::format("fanout job {}: {}\n", command, refused.what()));
    return usage;
  } catch (const fetch::journal_error& refused) {
    tell(fmt::format("fanout job {}: {}\n", command, refused.what()));
    return usage;
  } catch (const std::exception& failed) {
    tell(fmt::format("fanout job {}: {}\n", command, failed.what()));
    return output_failed;
  }
}

/// Shards are files in one directory.
struct shard_place {
  std::string directory;
  std::uint64_t shards = 0;
  std::string suffix = ".jsonl";
};

void add_place(CLI::App& command, shard_place& place) {
  command.add_option("--into", place.directory, "Directory of the shards, which all machines see")
      ->type_name("DIRECTORY")
      ->required();
  add_count(command, "--shards", place.shards, {1, most_shards}, "Shards of the whole job")->required();
  command.add_option("--suffix", place.suffix, "Of what a shard writes, such as .jsonl.gz [.jsonl]")->type_name("TEXT");
}

/// What stands after the options, for `fanout fetch`.
void add_fetch_arguments(CLI::App& command, std::vector<std::string>& into) {
  command.add_option("ARGUMENT", into, "Options for fanout fetch, after --; not -o");
}

/// The command line of a shard's fetch.
std::vector<std::string> fetch_of_shard(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"/proc/self/exe", "fetch", "-o", "{output}"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

/// Without it every shard would fetch the same.
void require_index(const std::vector<std::string>& arguments) {
  if (std::none_of(arguments.begin(), arguments.end(),
                   [](const std::string& each) { return each.find("{index}") != each.npos; }))
    throw std::invalid_argument(
        "an argument with {index} in it is needed after --, such as -i lists/{index}.txt (see: fanout job split)");
}

void add_shard(CLI::App& job, std::function<int()>& chosen) {
  CLI::App& command = *job.add_subcommand("shard", "Fetch one shard of a job, and commit it once");
  struct given {
    shard_place place;
    std::uint64_t index = UINT64_MAX;
    std::vector<std::string> arguments;
  };
  const auto with = std::make_shared<given>();
  add_place(command, with->place);
  add_count(command, "--index", with->index, {0, most_shards - 1},
            "Which shard, from 0; otherwise it is JOB_COMPLETION_INDEX, or SLURM_ARRAY_TASK_ID + FANOUT_FIRST_SHARD");
  add_fetch_arguments(command, with->arguments);
  command.footer(
      "Each attempt writes files of its own, and the first that ends commits its shard; others are dropped. SIGTERM "
      "goes "
      "to the fetch. Exit status: 0 when the shard is there, also if some requests failed; else that of the fetch.\n"
      "In the arguments {index} is replaced by the number of the shard, and {shards} by how many there are:\n"
      "  fanout job shard --into pages --shards 40 --index 3 -- -i lists/{index}.txt");
  command.callback([with, &chosen] {
    chosen = [with] {
      return guarded("shard", [&] {
        std::optional<std::uint32_t> index = index_of_batch_system();
        if (with->index != UINT64_MAX) index = static_cast<std::uint32_t>(with->index);
        if (!index) throw std::invalid_argument("--index is needed where no batch system gives one");
        if (*index >= with->place.shards)
          throw std::invalid_argument(
              fmt::format("there is no shard {} of {}; the first is 0", *index, with->place.shards));
        require_index(with->arguments);
        return run_shard({.directory = with->place.directory,
                          .index = *index,
                          .shards = static_cast<std::uint32_t>(with->place.shards),
                          .suffix = with->place.suffix,
                          .command = fetch_of_shard(with->arguments)});
      });
    };
  });
}

void add_split(CLI::App& job, std::function<int()>& chosen) {
  CLI::App& command = *job.add_subcommand("split", "Cut a list into one for each shard");
  struct given {
    std::uint64_t shards = 0;
    std::string output;
    std::string list;
  };
  const auto with = std::make_shared<given>();
  add_count(command, "--shards", with->shards, {1, most_shards}, "Shards of the whole job")->required();
  command.add_option("-o,--output", with->output, "Name of the lists, with {index} in it: lists/{index}.txt")
      ->type_name("PATTERN")
      ->required();
  command.add_option("FILE", with->list, "URLs or JSON objects with one, a line each; - is standard input")->required();
  command.footer(
      "All URLs of a host are in one list, so that limits for hosts hold when lists are fetched on different machines. "
      "Which one is a matter of the host's name alone (SipHash-2-4 with a key of zeros, modulo the number of shards).\n"
      "  zcat urls.txt.gz | fanout job split --shards 40 -o lists/{index}.txt -");
  command.callback([with, &chosen] {
    chosen = [with] {
      return guarded("split", [&] {
        std::ifstream file;
        if (with->list != "-") {
          file.open(with->list, std::ios::binary);
          if (!file) throw std::invalid_argument(fmt::format("'{}' cannot be read", with->list));
        }
        std::istream& list = with->list == "-" ? std::cin : file;
        const auto shards = static_cast<std::uint32_t>(with->shards);
        const split_counts counts = split_list(list, with->output, shards);
        tell(fmt::format("{} URLs in {} lists; the largest has {}\n", counts.lines, shards, counts.largest));
        return int{ok};
      });
    };
  });
}

void add_gather(CLI::App& job, std::function<int()>& chosen) {
  CLI::App& command = *job.add_subcommand("gather", "Join the shards of a job, or say which are missing");
  struct given {
    shard_place place;
    std::string output;
    std::uint64_t array_limit = most_shards;
  };
  const auto with = std::make_shared<given>();
  add_place(command, with->place);
  command.add_option("-o,--output", with->output, "Where the joined shards go [DIRECTORY/all.jsonl]")
      ->type_name("FILE");
  add_count(command, "--array-limit", with->array_limit, {1, most_shards}, "Missing shards in one line");
  command.footer(
      "Exit status: 0 when all are joined; 75 when some are missing, which are printed as '0 3,7-9': the first number "
      "is "
      "to be added to the others, and there is a line for each array that is needed; 3 when a file is not as its "
      "manifest "
      "says.");
  command.callback([with, &chosen] {
    chosen = [with] {
      return guarded("gather", [&] {
        const auto shards = static_cast<std::uint32_t>(with->place.shards);
        const auto missing = missing_shards(with->place.directory, shards);
        if (!missing.empty()) {
          std::string text;
          for (const std::string& line : array_lists(missing, static_cast<std::uint32_t>(with->array_limit)))
            text += line + "\n";
          const int printed = print(text);
          return printed == ok ? shard_drained : printed;
        }
        gather_shards(with->place.directory, shards,
                      with->output.empty() ? with->place.directory + "/all" + with->place.suffix : with->output);
        return int{ok};
      });
    };
  });
}

/// What the scripts of all systems have.
struct script_place {
  shard_place place;
  script_options of;
};

void add_common(CLI::App& command, script_place& with) {
  add_place(command, with.place);
  command.add_option("--name", with.of.name, "Of the job [fanout]")->type_name("NAME");
  command.add_option("--program", with.of.program, "The tool, as the machines call it [fanout]")->type_name("PATH");
  add_count(command, "--at-once", with.of.at_once, {1, most_shards}, "Shards that run at the same time, at most [all]");
  add_count(command, "--cores", with.of.cores, {1, 4096}, "Cores for each shard [1]");
  command.add_option("--memory", with.of.memory, "Memory for each shard, as the system writes it: 2G, 2Gi")
      ->type_name("SIZE");
  add_fetch_arguments(command, with.of.fetch_arguments);
}

const script_options& filled(script_place& with) {
  require_index(with.of.fetch_arguments);
  with.of.directory = with.place.directory;
  with.of.shards = with.place.shards;
  with.of.suffix = with.place.suffix;
  return with.of;
}

void add_slurm(CLI::App& script, std::function<int()>& chosen) {
  CLI::App& command = *script.add_subcommand("slurm", "A script that submits arrays, again what is missing, and joins");
  struct given : script_place {
    slurm_options how;
  };
  const auto with = std::make_shared<given>();
  add_common(command, *with);
  add_count(command, "--array-limit", with->how.array_limit, {1, most_shards},
            "Tasks in an array, within the site's MaxArraySize [1000]");
  add_count(command, "--warning", with->how.warning, {1, 65535},
            "Seconds before the end of its time at which a shard gets SIGTERM [120]");
  add_count(command, "--rounds", with->how.rounds, {1, 1000}, "How often missing shards are submitted [3]");
  command.add_option("--time", with->how.time, "Limit of a shard's time, as sbatch takes it")->type_name("TIME");
  command.add_option("--partition", with->how.partition, "Of the cluster")->type_name("NAME");
  command.footer(
      "  fanout job script slurm --shards 40 --into pages -- -i lists/{index}.txt >fetch.sh\n"
      "  bash fetch.sh");
  command.callback([with, &chosen] {
    chosen = [with] { return guarded("script slurm", [&] { return print(slurm_script(filled(*with), with->how)); }); };
  });
}

void add_kubernetes(CLI::App& script, std::function<int()>& chosen) {
  CLI::App& command = *script.add_subcommand("kubernetes", "A manifest of an Indexed Job");
  struct given : script_place {
    kubernetes_options how;
  };
  const auto with = std::make_shared<given>();
  add_common(command, *with);
  command.add_option("--image", with->how.image, "That has the tool [fanout]")->type_name("IMAGE");
  command.add_option("--claim", with->how.claim, "PersistentVolumeClaim that is mounted at the directory of --into")
      ->type_name("NAME")
      ->required();
  add_count(command, "--retries", with->how.retries, {0, 1000}, "Further attempts at a shard that failed [5]");
  add_count(command, "--warning", with->how.warning, {1, 86400}, "Seconds between SIGTERM and SIGKILL [60]");
  command.footer(
      "  fanout job script kubernetes --shards 40 --into /shards --claim pages -- \\\n"
      "    -i /shards/lists/{index}.txt | kubectl apply -f -");
  command.callback([with, &chosen] {
    chosen = [with] {
      return guarded("script kubernetes", [&] { return print(kubernetes_manifest(filled(*with), with->how)); });
    };
  });
}

void add_destination(CLI::App& command, std::string& into) {
  command.add_option("DEST", into, "The -o of fanout fetch: a file of records, or a directory")->required();
}

/// Nothing is there, so nothing can be said.
void require_job(const fetch::job_files& job) {
  if (job.state() == fetch::job_state::absent && !job.joined)
    throw std::invalid_argument(fmt::format("there are no records of a job at {}", job.path));
}

void add_show(CLI::App& job, std::function<int()>& chosen) {
  CLI::App& command = *job.add_subcommand("show", "Say how far a job is, also while it runs");
  struct given {
    std::string destination;
    bool as_json = false;
  };
  const auto with = std::make_shared<given>();
  add_destination(command, with->destination);
  command.add_flag("--json", with->as_json, "As one JSON object");
  command.footer(
      "How many are done comes from the journal, kinds and hosts of failures from the records, rate and time left from "
      "the log of the run. Exit status: 0, or 2 where there is no job.");
  command.callback([with, &chosen] {
    chosen = [with] {
      return guarded("show", [&] {
        const job_look look = look_at_job(with->destination, {.bodies = false, .consistency = false});
        require_job(look.files);
        return print(with->as_json ? job_json(look) : job_text(look));
      });
    };
  });
}

void add_verify(CLI::App& job, std::function<int()>& chosen) {
  CLI::App& command = *job.add_subcommand("verify", "Read every record of a job, and check it");
  struct given {
    std::string destination;
    bool without_bodies = false;
    bool digests = false;
  };
  const auto with = std::make_shared<given>();
  add_destination(command, with->destination);
  command.add_flag("--no-bodies", with->without_bodies, "Do not look at sizes of files and digests");
  command.add_flag("--sha256", with->digests, "Compute the SHA-256 of bodies again, where records have it")
      ->excludes("--no-bodies");
  command.footer(
      "Records have to be whole, one for each index, as the journal has them; none may be missing in a complete job. "
      "Files of bodies "
      "have the size that the record says; digests of web archives are computed again; SQLite looks through databases. "
      "Exit status: 0 if all is as it "
      "should be, 1 if not, 2 where there is no job.");
  command.callback([with, &chosen] {
    chosen = [with] {
      return guarded("verify", [&] {
        const fetch::job_files files = fetch::find_job(with->destination);
        require_job(files);
        const fetch::job_check found =
            fetch::check_job(files, {.bodies = !with->without_bodies, .consistency = true, .digests = with->digests});
        for (const std::string& each : found.problems) tell(each + "\n");
        for (const std::string& each : found.remarks) tell(each + "\n");
        if (found.problem_count > found.problems.size())
          tell(fmt::format("and {} problems more\n", found.problem_count - found.problems.size()));
        const int printed =
            print(fmt::format("{}: {}, {} records, {} of them failed, {} bodies checked{}: {}\n", files.path,
                              to_string(files.state()), found.records, found.failed, found.bodies,
                              with->digests ? fmt::format(", {} by SHA-256", found.digests) : "",
                              found.whole() ? "all is whole" : fmt::format("{} problems", found.problem_count)));
        return printed != ok || found.whole() ? printed : int{some_failed};
      });
    };
  });
}

void add_report(CLI::App& job, std::function<int()>& chosen) {
  CLI::App& command = *job.add_subcommand("report", "Make a page of how a job went");
  struct given {
    std::string destination;
    std::string page;
  };
  const auto with = std::make_shared<given>();
  add_destination(command, with->destination);
  command.add_option("--html", with->page, "Write the page to this file")->type_name("FILE")->required();
  command.footer("Rates and requests in flight over time, and failures. The page needs no network.");
  command.callback([with, &chosen] {
    chosen = [with] {
      return guarded("report", [&] {
        const job_look look = look_at_job(with->destination, {.bodies = false, .consistency = false});
        require_job(look.files);
        fetch::output page = fetch::output::create(with->page);
        page.write(job_page(job_history_json(look),
                            {.command = fmt::format("fanout job report {} --html {}", shell_quoted(with->destination),
                                                    shell_quoted(with->page)),
                             .made = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)))}));
        page.close();
        tell(fmt::format("The report page: {}\n", with->page));
        return int{ok};
      });
    };
  });
}

void add_join(CLI::App& job, std::function<int()>& chosen) {
  CLI::App& command = *job.add_subcommand("join", "Make one file of the shards of a job (fanout fetch --shard)");
  struct given {
    std::string destination;
    bool by_index = false;
  };
  const auto with = std::make_shared<given>();
  add_destination(command, with->destination);
  command.add_flag("--by-index", with->by_index, "In the order of the list, not as they were written");
  command.footer(
      "The shards stay. Exit status: 0 when DEST is there with exactly one record for each input; 75 when shards are "
      "not "
      "complete; 2 when they do not belong together, or records are missing or there twice; 3 when DEST cannot be "
      "written.");
  command.callback([with, &chosen] {
    chosen = [with] {
      return guarded("join", [&] {
        const fetch::job_files files = fetch::find_job(with->destination);
        try {
          using enum fetch::join_order;
          const auto count = fetch::join_shards(files, with->by_index ? by_index : as_written);
          tell(fmt::format("{} records of {} shards in {}\n", count, files.parts.size(), files.path));
          return int{ok};
        } catch (const fetch::join_error& why) {
          tell(fmt::format("fanout job join: {}\n", why.what()));
          return int{why.incomplete() ? stopped_resumable : usage};
        }
      });
    };
  });
}

}  // namespace

void add_job(CLI::App& app, std::function<int()>& chosen) {
  CLI::App& job = *app.add_subcommand("job", "Look at bulk fetches, and run them on many machines");
  job.require_subcommand(1);
  add_split(job, chosen);
  add_shard(job, chosen);
  add_gather(job, chosen);
  add_show(job, chosen);
  add_verify(job, chosen);
  add_report(job, chosen);
  add_join(job, chosen);
  CLI::App& script = *job.add_subcommand("script", "Write what runs the shards of a job on a cluster");
  script.require_subcommand(1);
  add_slurm(script, chosen);
  add_kubernetes(script, chosen);
}

}  // namespace fanout::cli
