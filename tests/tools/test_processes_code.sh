#!/usr/bin/env bash
# The code of docs/processes.md is code of examples/process_pool.cpp, which is compiled and run, line by line.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
shown=$(awk '/^```cpp$/ { code = 1; next } /^```$/ { code = 0 } code' "$top/docs/processes.md" |
  sed 's/^ *//; s/ *$//; /^$/d')
[[ -n $shown ]]
missing=0
while IFS= read -r line; do
  if ! grep -qF -- "$line" "$top/examples/process_pool.cpp"; then
    printf 'not in examples/process_pool.cpp: %s\n' "$line" >&2
    missing=1
  fi
done <<<"$shown"
exit $missing
