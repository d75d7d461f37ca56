#!/usr/bin/env bash
# test_from_asyncio.sh PROGRAM: the Python of docs/from-asyncio.md stands, line for line, in its example (test_docs.py sees to
# the C++), and both examples print the same.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
page=$root/docs/from-asyncio.md

# Prints each block of the language on the page whose lines the file does not have; fails without any block.
missing() {  # language, file
  awk -v language="$1" -v file="$2" '
    BEGIN { while ((getline line < file) > 0) text = text line "\n" }
    $0 == "```" language { inside = 1; block = ""; next }
    $0 == "```" && inside { inside = 0; blocks++; if (!index(text, block)) printf "not in %s:\n%s\n", file, block }
    inside { block = block $0 "\n" }
    END { if (blocks < 10) printf "only %d blocks of %s on the page\n", blocks, language }' "$page"
}

wrong=$(missing python "$root/examples/from_asyncio.py")
[[ -z $wrong ]] || { printf '%s\n' "$wrong"; exit 1; }

ours=$("$1")
theirs=$(python3 "$root/examples/from_asyncio.py")
[[ $ours == "$theirs" ]] || { diff <(printf '%s\n' "$ours") <(printf '%s\n' "$theirs"); exit 1; }
