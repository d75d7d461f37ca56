#!/usr/bin/env bash
# tools/check-layers passes on a clean tree and names each planted violation.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
check=$here/../../tools/check-layers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

plant() {  # file, line to write
  mkdir -p "$tree/$(dirname "$1")"
  printf '%s\n' '#pragma once' "$2" >"$tree/$1"
}
expect() {  # label, expected status, expected in the output, then file and line, once or more
  local label=$1 expected_status=$2 expected=$3
  shift 3
  local printed status=0
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/include/fanout" "$tree/src"
  while [[ $# -gt 0 ]]; do
    plant "$1" "$2"
    shift 2
  done
  set -- "$label" "$expected_status" "$expected"
  printed=$("$check" "$tree") || status=$?
  if [[ $status -ne $2 || $printed != *"$3"* || ($2 -eq 0 && -n $printed) ]]; then
    printf '%s: exit %d instead of %d, printed: %s\n' "$1" "$status" "$2" "$printed" >&2
    failures=$((failures + 1))
  fi
}

expect "down"              0 ''                              include/fanout/fetch/a.hpp '#include <fanout/http/url.hpp>'
expect "inside a room"     0 ''                              src/core/a.cpp '#include "core/b.hpp"'
expect "the tool"          0 ''                              src/cli/a.cpp '#include <fanout/origin/server.hpp>'
expect "an umbrella"       0 ''                              include/fanout/fanout.hpp '#include <fanout/fetch/fetch.hpp>'
expect "other libraries"   0 ''                              src/core/a.cpp '#include <boost/asio.hpp>'
expect "a comment"         0 ''                              src/base/a.cpp '// #include "core/b.hpp"'
expect "up, public"        1 'include/fanout/core/a.hpp:2: core includes process' include/fanout/core/a.hpp '#include <fanout/process/pool.hpp>'
expect "up, private"       1 'src/base/a.cpp:2: base includes core'     src/base/a.cpp '#include "core/b.hpp"'
expect "sideways"          1 'src/http/a.cpp:2: http includes core'     src/http/a.cpp '  #  include <fanout/core/run.hpp>'
expect "sideways, back"    1 'src/core/a.cpp:2: core includes http'     src/core/a.cpp '#include "http/parser.hpp"  // why'
expect "origin, sideways"  1 'src/origin/a.cpp:2: origin includes http' src/origin/a.cpp '#include <fanout/http/url.hpp>'
expect "into the tool"     1 'src/compare/a.cpp:2: compare includes cli' src/compare/a.cpp '#include "cli/options.hpp"'
expect "umbrella, inside"  1 'which is for users'            src/cli/a.cpp '#include <fanout/fanout.hpp>'
expect "private in public" 1 'which is not installed'        include/fanout/core/a.hpp '#include "core/b.hpp"'
expect "without a room"    1 'name it by its room'           src/core/a.cpp '#include "b.hpp"'
expect "an unknown room"   1 'is no room'                    src/util/a.cpp '#include <vector>'

public=include/fanout/core
expect "a circle of two"   1 'core/a -> core/b -> core/a'    src/core/a.hpp '#include "core/b.hpp"' src/core/b.hpp '#include "core/a.hpp"'
expect "its arrows"        1 '
  src/core/b.cpp:2: includes core/a'                         $public/a.hpp '#include <fanout/core/b.hpp>' src/core/b.cpp '#include <fanout/core/a.hpp>'
expect "a circle of three" 1 'core/a -> core/c -> core/b -> core/a' \
  $public/a.hpp '#include <fanout/core/c.hpp>' src/core/c.cpp '#include "core/b.hpp"' src/core/b.hpp '#include <fanout/core/a.hpp>'
expect "by a sub-room"     1 'core/a -> core/b -> core/a'    $public/a.hpp '#include <fanout/core/b.hpp>' \
  $public/b.hpp '#include <vector>' src/core/sub/b.cpp '#include <fanout/core/a.hpp>'
expect "sub-rooms"         1 'a circle of sub-rooms: core/two/ -> core/one/ -> core/two/' \
  src/core/one/a.cpp '#include "core/two/b.hpp"' src/core/two/b.hpp '#include <vector>' \
  src/core/two/c.cpp '#include "core/one/d.hpp"' src/core/one/d.hpp '#include <vector>'
expect "one way"           0 '' src/core/one/a.cpp '#include "core/two/b.hpp"' src/core/two/b.hpp '#include <vector>' \
  src/core/two/c.cpp '#include "core/e.hpp"' src/core/e.hpp '#include "core/one/d.hpp"' src/core/one/d.hpp '#include <vector>'
expect "no circle"         0 '' \
  src/core/a.cpp '#include "core/b.hpp"' src/core/b.hpp '#include "core/c.hpp"' src/core/d.cpp '#include "core/b.hpp"'
expect "its own header"    0 ''                              src/core/a.cpp '#include <fanout/core/a.hpp>' $public/a.hpp '#include <vector>'
expect "a known circle"    0 ''                              src/core/a.hpp '#include "core/b.hpp"' src/core/b.hpp '#include "core/a.hpp"' \
  tools/layers-to-mend $'cycle core/a\ncycle core/b'
expect "a unit more"       1 'core/c -> core/a -> core/c'    src/core/a.hpp $'#include "core/b.hpp"\n#include "core/c.hpp"' \
  src/core/b.hpp '#include "core/a.hpp"' src/core/c.hpp '#include "core/a.hpp"' tools/layers-to-mend $'cycle core/a\ncycle core/b'
expect "a circle mended"   1 'tools/layers-to-mend:3: "cycle core/b" is mended' src/core/a.hpp '#include "core/b.hpp"' \
  tools/layers-to-mend $'# of core:\ncycle core/b'
expect "private"           1 'src/cli/a.cpp:2: cli includes "http/text.hpp", a private header of http' src/cli/a.cpp '#include "http/text.hpp"'
expect "private, known"    0 ''                              src/cli/a.cpp '#include "http/text.hpp"' \
  tools/layers-to-mend 'private cli http/text.hpp'
expect "private, mended"   1 'is mended'                     src/cli/a.cpp '#include <fanout/http/text.hpp>' \
  tools/layers-to-mend 'private cli http/text.hpp'
expect "a misspelt line"   1 '"circle" is neither'           src/cli/a.cpp '#include <vector>' tools/layers-to-mend 'circle http/text'

[[ $failures -eq 0 ]]
