#!/usr/bin/env bash
# tools/tidy, which analyses sources together, says what clang-tidy says of each of them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if ! command -v clang-tidy-19 >/dev/null; then
  echo "skipped: there is no clang-tidy-19 here (./dev lint installs it)"
  exit 77
fi
tree=$(cd "$(mktemp -d)" && pwd -P)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/tools" "$tree/src/room" "$tree/build/lint"
cp "$here/../../tools/tidy" "$tree/tools/"
printf 'Checks: "-*,modernize-use-nullptr,bugprone-suspicious-include"\nWarningsAsErrors: "*"\nHeaderFilterRegex: "/src/"\n' >"$tree/.clang-tidy"
failures=0

expect() {  # label, expected status, pattern of the output, then the text of each source
  local label=$1 expected_status=$2 pattern=$3 entries='' number=0 printed status=0
  shift 3
  rm -f "$tree"/src/room/*
  for text; do
    number=$((number + 1))
    printf '%s\n' "$text" >"$tree/src/room/$number.cpp"
    entries+="${entries:+,}{\"directory\": \"$tree\", \"file\": \"$tree/src/room/$number.cpp\",
      \"command\": \"clang++-19 -std=c++20 -o $number.o -c $tree/src/room/$number.cpp\"}"
  done
  printf '[%s]\n' "$entries" >"$tree/build/lint/compile_commands.json"
  printed=$("$tree/tools/tidy" 2>&1) || status=$?
  # shellcheck disable=SC2053  # it is a pattern
  if [[ $status -ne $expected_status || $printed != $pattern ]]; then
    printf '%s: exit %d instead of %d, printed: %s\n' "$label" "$status" "$expected_status" "$printed" >&2
    failures=$((failures + 1))
  fi
}

helper='namespace { int helper() { return 1; } }'
expect "nothing"           0 ''                       'int a() { return 1; }' 'int b() { return 2; }' 'int c() { return 3; }'
expect "a finding"         1 "$tree/src/room/2.cpp:1:*use nullptr*" 'int a() { return 1; }' 'int* b() { return 0; }' 'int c() { return 3; }'
expect "the last of many"  1 "$tree/src/room/12.cpp:1:*use nullptr*" \
  'int a();' 'int b();' 'int c();' 'int d();' 'int e();' 'int f();' 'int g();' 'int h();' 'int i();' 'int j();' 'int k();' 'int* l() { return 0; }'
expect "one name in two"   0 'analysed apart: src/room/2.cpp:1:*' "$helper int a() { return helper(); }" "$helper int b() { return helper(); }"
expect "what does not compile" 1 "*$tree/src/room/1.cpp:1:*error*" 'int a() { return b; }' 'int c() { return 3; }'

[[ $failures -eq 0 ]]
