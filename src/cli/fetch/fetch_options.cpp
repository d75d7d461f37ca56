#include "cli/fetch/fetch_options.hpp"

#include <fanout/core/shape.hpp>

#include "cli/fetch/config_file.hpp"
#include "cli/text/units.hpp"

#include <algorithm>
#include <stdexcept>

namespace fanout::cli {
namespace {

constexpr const char* concurrency_group = "Concurrency";

std::string output_group() {
  return std::string(fetch::heading_of(fetch::option_group::output));
}

void add_urls(CLI::App& command, fetch_options& into) {
  const auto take = [&into](const std::vector<std::string>& urls) {
    into.urls.insert(into.urls.end(), urls.begin(), urls.end());
    return true;
  };
  command.add_option("URL", take, "URL to fetch")->expected(-1)->take_all();
  command.add_option("--url", take, "URL to fetch, as an option. May be repeated")
      ->group(std::string(input_group))
      ->expected(1)
      ->allow_extra_args(false)
      ->trigger_on_parse()
      ->type_name("URL");
}

/// Options of a file count as if they stood here on the command line.
void add_config(CLI::App& command, fetch_options& into) {
  const auto take = [&into](const std::vector<std::string>& files) {
    read_config(files.front(), into);
    return true;
  };
  command
      .add_option("-K,--config", take,
                  "Read options from this file, one per line: 'name = value', or as on the command line; # begins a "
                  "comment; - is standard input. May be repeated")
      ->group(std::string(input_group))
      ->expected(1)
      ->allow_extra_args(false)
      ->trigger_on_parse()
      ->type_name("FILE");
}

void add_lists(CLI::App& command, fetch_options& into) {
  add_urls(command, into);
  const auto take_list = [&into](const std::vector<std::string>& lists) {
    into.lists.insert(into.lists.end(), lists.begin(), lists.end());
    return true;
  };
  command
      .add_option(
          "-i,--input", take_list,
          "Fetch the URLs in this list, one per line, or JSON Lines "
          "{\"url\",\"id\"?,\"method\"?,\"headers\"?,\"body\"?}; plain, gzip or zstd; - is standard input. Or those "
          "in a table of SQLite (jobs.sqlite?table=NAME&column=NAME), or in a sitemap (map.xml, or its URL). May be "
          "repeated")
      ->expected(1)
      ->allow_extra_args(false)
      ->trigger_on_parse()
      ->group(std::string(input_group))
      ->type_name("LIST");
  command
      .add_option(
          "-o,--output", into.destination,
          "With one URL, write its body to this file. With several, write the records to this file: JSON Lines "
          "(.jsonl, packed as .gz or .zst), a web archive (.warc, .warc.gz) or a database (.sqlite); or the bodies to "
          "this "
          "directory "
          "(existing, or with a final /), named by index, with records.jsonl. An existing file is replaced only by a "
          "complete one; until then it is FILE.part. The same command continues a run that was stopped or killed, by "
          "means of FILE.journal")
      ->group(output_group())
      ->type_name("FILE");
  command
      .add_option("-s,--shape", into.shape,
                  "sync, threads:N, async:N, processes:N, hybrid:N, auto, or PxTxC (processes x threads x tasks in "
                  "flight on each thread)")
      ->group(concurrency_group)
      ->type_name("SHAPE")
      ->capture_default_str();
  add_count(command, "-j,--jobs,--parallel-max", into.in_flight, {1, shape_limits::in_flight},
            "Fetch at most N URLs at the same time")
      ->group(concurrency_group);
}

/// A row of the table of options, as an option of the command.
void add_http_option(CLI::App& command, const fetch::http_option& row, fetch::http_options& into) {
  const std::string names(row.names);
  const auto take = [&row, &into](const std::string& text) {
    try {
      row.take(into, text);
    } catch (const std::invalid_argument& refused) {
      throw CLI::ValidationError(std::string(row.long_name()), refused.what());
    }
  };
  CLI::Option* added = nullptr;
  if (row.value_name.empty()) {
    added = command.add_flag_function(names, [take](std::int64_t) { take({}); }, std::string(row.help));
    added->trigger_on_parse();  // of two that contradict each other, as -4 and -6, the later one counts
  } else if (row.repeated) {
    const auto take_each = [take](const std::vector<std::string>& texts) {
      for (const std::string& text : texts) take(text);
    };
    added = command.add_option_function<std::vector<std::string>>(names, take_each, std::string(row.help));
    // One after the other as they stand: what -d and --data-raw give is joined in that order.
    added->expected(1)->allow_extra_args(false)->trigger_on_parse();
  } else {
    added = command.add_option_function<std::string>(names, take, std::string(row.help));
    added->take_last();  // as curl: what stands in a file of options or a script can be replaced
  }
  added->group(row.usual ? "" : std::string(fetch::heading_of(row.group)));  // of none: not in the help
  if (!row.value_name.empty()) added->type_name(std::string(row.value_name));
  if (!row.excludes.empty()) added->excludes(command.get_option(std::string(row.excludes)));
}

void add_output_option(CLI::App& command, const output_option& row, fetch_options& into) {
  const std::string names(row.names);
  const auto take = [&row, &into, long_name = names.substr(names.find("--"))](const std::string& text) {
    try {
      row.take(into, text);
    } catch (const std::invalid_argument& refused) {
      throw CLI::ValidationError(long_name, refused.what());
    }
  };
  if (row.value_name.empty())
    command.add_flag_function(
               names, [take](std::int64_t) { take({}); }, std::string(row.help))
        ->group(std::string(row.heading));
  else
    command.add_option_function<std::string>(names, take, std::string(row.help))
        ->take_last()
        ->group(std::string(row.heading))
        ->type_name(std::string(row.value_name));
}

void add_output(CLI::App& command, fetch_options& into) {
  for (const output_option& row : output_option_table()) add_output_option(command, row, into);
  for (const output_option& row : bulk_option_table()) add_output_option(command, row, into);
  command.add_option("--summary", into.summary_file, "Write a summary of the run to this file, as JSON")
      ->group(output_group())
      ->type_name("FILE");
  command.add_flag("-q,--quiet", into.quiet, "Print no progress and no summary on standard error")
      ->group(output_group());
}

}  // namespace

void read_config(const std::string& path, fetch_options& into) {
  if (into.config_depth >= 8)
    throw CLI::ValidationError("--config", path + " is the ninth file that one of them names in another");
  CLI::App nested;
  nested.set_help_flag();
  add_fetch_options(nested, into);
  ++into.config_depth;
  try {
    auto arguments = config_arguments(path);
    std::reverse(arguments.begin(), arguments.end());
    nested.parse(arguments);
  } catch (const std::invalid_argument& refused) {
    throw CLI::ValidationError("--config", refused.what());
  } catch (const CLI::ParseError& refused) {
    throw CLI::ValidationError("--config", path + ": " + refused.what());
  }
  --into.config_depth;
}

void add_fetch_options(CLI::App& command, fetch_options& into) {
  add_config(command, into);
  add_lists(command, into);
  for (const fetch::http_option& row : fetch::http_option_table())
    if (!row.names.empty()) add_http_option(command, row, into.http);
  add_output(command, into);
}

}  // namespace fanout::cli
