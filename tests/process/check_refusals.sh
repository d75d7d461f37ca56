#!/usr/bin/env bash
# check_refusals.sh COMPILER INCLUDE SOURCE: what cannot travel between processes is said in words a reader understands, and
# the same program without it compiles.
set -euo pipefail
source=$3
compile() { "$1" -std=c++20 -fsyntax-only -I"$2" -DREFUSAL="$3" "$source" 2>&1; }

compile "$1" "$2" 0
expected=(- "the input of this remote function cannot travel" "the result of this remote function cannot travel"
  "the first parameter of this remote function cannot travel")
for refusal in 1 2 3; do
  if said=$(compile "$1" "$2" "$refusal"); then
    echo "case $refusal compiles" >&2
    exit 1
  fi
  grep -q "error: static assertion failed.*${expected[refusal]}.*give its type a member" <<<"$said" || {
    printf 'case %s does not say: %s\n%s\n' "$refusal" "${expected[refusal]}" "${said:0:2000}" >&2
    exit 1
  }
done
