#pragma once

#include <optional>

namespace fanout::test {

/// What `worker_options::command` of a test has this program do as a worker, before its last argument:
/// `--serve-and-note PATH` writes to PATH what `serve_worker` returned, `--serve-as-libc` takes the build of the C
/// library for its own. Empty for all other arguments.
std::optional<int> serve_by_command(int argc, char** argv);

/// An address in the C library.
const void* address_in_libc();

}  // namespace fanout::test
