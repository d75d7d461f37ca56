#!/usr/bin/env bash
# tools/check-tree passes on a clean tree and names each planted violation.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
check=$here/../../tools/check-tree
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git init -q "$tree"
failures=0

expect() {  # label, expected status, expected in the output, file, its contents
  local printed status=0
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/src/core" "$tree/src/core/deep" "$tree/include/fanout/core" "$tree/tests/core" "$tree/docs" \
    "$tree/tools" "$tree/fuzz/corpus/x"
  printf 'add_library(x core/listed.cpp)\n' >"$tree/src/CMakeLists.txt"
  printf 'add_executable(x core/test_listed.cpp core/test_named.cpp)\n' >"$tree/tests/CMakeLists.txt"
  printf 'int y;\n' >"$tree/tests/core/test_listed.cpp"
  printf '# Why each has none.\ncore/reasoned: declarations only\n' >"$tree/tools/units-without-test"
  printf 'int r;\n' >"$tree/include/fanout/core/reasoned.hpp"
  printf '%b' "$5" >"$tree/$4"
  printed=$("$check" "$tree" 2>&1) || status=$?
  if [[ $status -ne $2 || $printed != *"$3"* || ($2 -eq 0 && -z $3 && -n $printed) ]]; then
    printf '%s: exit %d instead of %d, printed: %s\n' "$1" "$status" "$2" "$printed" >&2
    failures=$((failures + 1))
  fi
}

expect "clean"           0 ''                                 src/core/listed.cpp 'int x;\n'
expect "a long file"     0 'src/core/listed.cpp has 601 lines' src/core/listed.cpp "$(printf 'int x;\\n%.0s' {1..601})"
expect "a machine path"  1 'docs/a.md:2:'                     docs/a.md 'x\nsee /hom''e/somebody/x\n'
expect "a path in a URL" 0 ''                                 docs/a.md 'http://host/hom''e/somebody\n'
expect "a registry"      1 'docs/a.md:1:'                     docs/a.md 'from http://deb.deb''ian.org/debian\n'
expect "unfinished"      1 'src/core/listed.cpp:1:'           src/core/listed.cpp '// TO''DO: the rest\n'
expect "end of line"     1 'docs/a.md:1:'                     docs/a.md 'x \n'
expect "carriage return" 1 'docs/a.md:1:'                     docs/a.md 'x\r\n'
expect "a tab"           1 'src/core/listed.cpp:1:'           src/core/listed.cpp '\tint x;\n'
expect "built by nobody" 1 'src/core/other.cpp:1:'            src/core/other.cpp 'int x;\n'
expect "fuzzed by nobody" 1 'fuzz/other.cpp:1:'               fuzz/other.cpp 'int x;\n'
expect "a unit's test"   0 ''                                 tests/core/test_named.cpp 'int x;\n'
expect "no test, source" 1 'core/deep_one: a unit without'    src/core/deep/deep_one.hpp 'int x;\n'
expect "no test, header" 1 'core/other: a unit without'       include/fanout/core/other.hpp 'int x;\n'
expect "stale, a test"   1 'core/listed: not a unit without'  tools/units-without-test \
  'core/reasoned: declarations only\ncore/listed: because\n'
expect "stale, no unit"  1 'core/gone: not a unit without'    tools/units-without-test \
  'core/reasoned: declarations only\ncore/gone: because\n'
expect "no reason"       1 'units-without-test:1:'            tools/units-without-test 'core/reasoned\n'
expect "a seed"          0 ''                                 fuzz/corpus/x/seed 'x \r\n'

[[ $failures -eq 0 ]]
