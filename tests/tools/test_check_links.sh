#!/usr/bin/env bash
# tools/check-links passes on sound pages and names each planted fault.
# shellcheck disable=SC2016  # back quotes of Markdown
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
check=$here/../../tools/check-links
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

expect() {  # label, expected status, expected in the output, file, its contents
  local printed status=0
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/docs/notes" "$tree/docs/how-to"
  printf 'site_name: x\nnav:\n  - Home: index.md\n  - How to:\n      - A: how-to/a.md\n' >"$tree/mkdocs.yml"
  printf '# A page\n## The `second` part: [of](https://example.org) it\n' >"$tree/docs/how-to/a.md"
  printf 'no page of the site\n' >"$tree/docs/notes/n.md"
  printf '# Home\n' >"$tree/docs/index.md"
  printf '# Readme\n' >"$tree/README.md"
  printf '%b' "$5" >"$tree/$4"
  printed=$("$check" "$tree" 2>&1) || status=$?
  if [[ $status -ne $2 || $printed != *"$3"* || ($2 -eq 0 && -n $printed) ]]; then
    printf '%s: exit %d instead of %d, printed: %s\n' "$1" "$status" "$2" "$printed" >&2
    failures=$((failures + 1))
  fi
}

expect "clean"             0 ''                               README.md '[a](docs/how-to/a.md) ![b](mkdocs.yml)\n'
expect "a place"           0 ''                               README.md '[a](docs/how-to/a.md#the-second-part-of-it)\n'
expect "elsewhere"         0 ''                               README.md '[a](https://example.org/x.md#y)\n'
expect "in code"           0 ''                               README.md '`[a](b.md)`\n```\n[a](b.md)\n```\n'
expect "own place"         0 ''                               docs/index.md '# Home\n[a](#home)\n'
expect "no file"           1 'README.md:1: there is no docs/b.md' README.md '[a](docs/b.md)\n'
expect "no image"          1 'docs/index.md:2: there is no docs/x.png' docs/index.md '\n![x](x.png)\n'
expect "no place"          1 'has no heading for #third'      README.md '[a](docs/how-to/a.md#third)\n'
expect "relative to page"  1 'docs/how-to/a.md:1: there is no docs/how-to/index.md' docs/how-to/a.md '[a](index.md)\n'
expect "outside"           1 'outside the repository'         README.md '[a](../x.md)\n'
expect "not in the nav"    1 'docs/new.md is missing'         docs/new.md '# New\n'
expect "only in the nav"   1 'there is no docs/old.md'        mkdocs.yml 'site_name: x\nnav:\n  - A: how-to/a.md\n  - H: index.md\n  - O: old.md\n'
expect "twice in the nav"  1 'docs/index.md is named twice'   mkdocs.yml 'site_name: x\nnav:\n  - A: how-to/a.md\n  - H: index.md\n  - I: index.md\n'
[[ $failures -eq 0 ]]
