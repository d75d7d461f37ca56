#pragma once

#include <string>
#include <string_view>

/// \file
/// What a command says to a person.
namespace fanout::cli {

/// Makes a reader that has gone, and a limit on the size of files, an error of the write instead of a signal that ends
/// the process.
void turn_write_signals_into_errors();

/// Writes to standard error, for a person. Nobody may be there: it never fails.
void tell(std::string_view message);

/// From now on what `tell` writes, and all else on standard error, goes to this file, which is emptied; "-": to
/// standard output. Throws `fetch::output_error`.
void redirect_messages(const std::string& path);

/// Makes the file of --trace empty. Nothing where it is empty, "-" or "%". Throws `fetch::output_error`.
void begin_trace(const std::string& path);

/// Writes to standard output what the user asked for. Returns the exit status: that of success, or of an output that
/// could not be written.
int print(std::string_view text);

}  // namespace fanout::cli
