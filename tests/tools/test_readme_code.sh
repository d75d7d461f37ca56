#!/usr/bin/env bash
# The C++ of README.md stands, line for line, in an example that the tests compile and run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
block=$(awk '/^```cpp$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md")
[[ -n $block ]] || { echo "README.md has no C++ in it"; exit 1; }
[[ $(<"$root/examples/four_programs.cpp") == *"$block"* ]] || {
  echo "the C++ in README.md is not what examples/four_programs.cpp has:"
  diff <(printf '%s\n' "$block") "$root/examples/four_programs.cpp" || true
  exit 1
}
