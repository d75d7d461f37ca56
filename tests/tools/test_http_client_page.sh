#!/usr/bin/env bash
# The C++ of docs/http-client.md stands, line for line, in an example that the tests compile and run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
wrong=$(awk -v file="$root/examples/http_client.cpp" '
  BEGIN { while ((getline line < file) > 0) text = text line "\n" }
  $0 == "```cpp" { inside = 1; block = ""; next }
  $0 == "```" && inside { inside = 0; blocks++; if (!index(text, block)) printf "not in %s:\n%s\n", file, block }
  inside { block = block $0 "\n" }
  END { if (blocks < 8) printf "only %d blocks on the page\n", blocks }' "$root/docs/http-client.md")
[[ -z $wrong ]] || { printf '%s\n' "$wrong"; exit 1; }
