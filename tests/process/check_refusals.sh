#!/usr/bin/env bash
# check_refusals.sh COMPILER INCLUDE SOURCE: what cannot travel between processes, or be called there, is said in one sentence
# that a reader understands, with little else, and the same program without it compiles. In SOURCE each case is
# "REFUSAL == number  // what is said", a regular expression.
set -euo pipefail
source=$3
# Of the lines most say by way of what the compiler came there. After it Clang goes on with what is no longer as it should be.
if [[ $("$1" --version) == *clang* ]]; then
  most_errors=9 most_lines=120
else
  most_errors=1 most_lines=22
fi

# What the cases include of fanout is most of the work, and is compiled once for all of them.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
grep '^#include <fanout/' "$source" >"$scratch/all.hpp"
"$1" -std=c++20 -w -I"$2" -x c++-header "$scratch/all.hpp" -o "$scratch/all.hpp.gch"
compile() { "$1" -std=c++20 -w -fsyntax-only -I"$2" -include "$scratch/all.hpp" -DREFUSAL="$3" "$source" 2>&1; }

check() {
  local said lines
  if said=$(compile "$1" "$2" "$3"); then
    echo "case $3 compiles" >&2
    return 1
  fi
  grep -m 1 'error:' <<<"$said" | grep -qE "static assertion failed.*$4" || {
    printf 'case %s does not say first: %s\n%s\n' "$3" "$4" "${said:0:2000}" >&2
    return 1
  }
  lines=$(grep -cvE '^ *[0-9]* *\|' <<<"$said")  # later compilers quote the source below each
  if [ "$(grep -c 'error:' <<<"$said")" -gt "$most_errors" ] || [ "$lines" -gt "$most_lines" ]; then
    printf 'case %s says too much, in %s lines:\n%s\n' "$3" "$lines" "${said:0:4000}" >&2
    return 1
  fi
}

compile "$1" "$2" 0
cases=$(sed -nE 's/^#(el)?if REFUSAL == ([0-9]+) +\/\/ (.*)$/\2 \3/p' "$source")
[ "$(wc -l <<<"$cases")" -eq "$(grep -c 'REFUSAL ==' "$source")" ]
running=0 failed=0
while read -r number expected; do
  check "$1" "$2" "$number" "$expected" </dev/null &
  if [ $((running += 1)) -ge 2 ]; then
    wait -n || failed=1
    running=$((running - 1))
  fi
done <<<"$cases"
while [ "$running" -gt 0 ]; do
  wait -n || failed=1
  running=$((running - 1))
done
exit "$failed"
