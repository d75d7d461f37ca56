#!/usr/bin/env bash
# check.sh PROGRAM EXPECTED [ORIGIN]: runs an example, which must exit 0 and print what the regular expression EXPECTED
# matches. With ORIGIN, the fanout tool, the example gets the URL of a slow page served by it.
set -euo pipefail
arguments=()
if (($# > 2)); then
  coproc origin { exec "$3" serve --port 0 --until-eof; }
  read -r _ _ url <&"${origin[0]}"
  arguments=("$url/delay/100")
fi
printed=$("$1" "${arguments[@]}")
printf '%s\n' "$printed"
[[ $printed =~ $2 ]] || { printf 'expected: %s\n' "$2" >&2; exit 1; }
