#!/usr/bin/env bash
# check.sh PROGRAM EXPECTED: runs an example, which must exit 0 and print what the regular expression EXPECTED matches.
set -euo pipefail
printed=$("$1")
printf '%s\n' "$printed"
[[ $printed =~ $2 ]] || { printf 'expected: %s\n' "$2" >&2; exit 1; }
