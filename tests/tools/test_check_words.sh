#!/usr/bin/env bash
# tools/check-words passes plain sentences and names each pattern of docs/writing.md.
# shellcheck disable=SC2016  # back quotes of Markdown
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
check=$here/../../tools/check-words
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git init -q "$tree"
failures=0

expect() {  # label, expected status, expected in the output, file, its contents
  local printed status=0
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/docs" "$tree/src/cli"
  printf '%b' "$5" >"$tree/$4"
  printed=$("$check" "$tree" 2>&1) || status=$?
  if [[ $status -ne $2 || $printed != *"$3"* || ($2 -eq 0 && -n $printed) ]]; then
    printf '%s: exit %d instead of %d, printed: %s\n' "$1" "$status" "$2" "$printed" >&2
    failures=$((failures + 1))
  fi
}

expect "plain"             0 ''                docs/a.md 'Each task that computes uses a core.\n'
expect "a heading"         0 ''                docs/a.md '## What is measured\n\nUsers who wait.\n'
expect "a question"        0 ''                docs/a.md 'Predict it. What do these\ntake: threads?\n'
expect "code"              0 ''                docs/a.md '```\nWhat computes needs a core\n```\n'
expect "a clause"          1 'docs/a.md:1:'    docs/a.md 'What computes needs a core.\n'
expect "a second sentence" 1 'docs/a.md:3:'    docs/a.md '# A\n\nIt ends. What the body leaves\nbehind is awaited.\n'
expect "a list"            1 'docs/a.md:2:'    docs/a.md '- One.\n- What is left is awaited.\n'
expect "who"               1 'docs/a.md:1:'    docs/a.md 'There are four, so who needs one more waits.\n'
expect "beside"            1 'docs/a.md:1:'    docs/a.md 'It runs beside Python.\n'
expect "a literal"         1 'src/cli/a.cpp:2:' src/cli/a.cpp '// What is said\nauto x = "What the command was given";\n'
expect "a comment"         0 ''                src/cli/a.cpp '// What is said\n'
[[ $failures -eq 0 ]]
