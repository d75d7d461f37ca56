#include "cli/text/shell_quoted.hpp"

namespace fanout::cli {

std::string shell_quoted(std::string_view text) {
  std::string safe = "'";
  for (const char each : text) {
    if (each == '\'')
      safe += "'\\''";
    else
      safe += each;
  }
  return safe + "'";
}

}  // namespace fanout::cli
