#pragma once

#include <fanout/fetch/journal.hpp>
#include <fanout/fetch/sinks.hpp>
#include <fanout/fetch/validators.hpp>

#include "cli/fetch/fetch_options.hpp"

#include <memory>
#include <string>

/// \file
/// Files of records of `fanout fetch` that a run can go on with.
namespace fanout::cli {

/// A sink for records, and what it found.
struct record_output {
  std::unique_ptr<fetch::sink> sink;  ///< null: the path is no file that can be gone on with, such as a device
  bool resumed = false;
};

/// A file, or one that can be made there.
bool can_be_gone_on_with(const std::string& path);

/// The sink that the name of the file asks for. `identity` says which job it is; `again`: its inputs can be read once
/// more. `bodies_beside`: they are on the same file system, and come to disk with the records. `since`: of the
/// earlier run, or null.
record_output open_record_output(const fetch_options& given, const std::string& path, fetch::job_identity identity,
                                 bool again, bool bodies_beside, const fetch::validators* since);

/// Runs a command by the shell with the file's name behind it, up to 4 times. Throws `fetch::output_error`.
void run_close_hook(const std::string& command, const std::string& file);

}  // namespace fanout::cli
