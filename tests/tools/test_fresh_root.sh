#!/usr/bin/env bash
# tools/fresh-root takes Debian's mirror from the sources of apt, in either of their formats, and no other archive's.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tool=$here/../../tools/fresh-root
if ! command -v apt-get >/dev/null; then
  echo "skipped: there is no apt here"
  exit 77
fi
etc=$(mktemp -d)
trap 'rm -rf "$etc"' EXIT
mkdir -p "$etc/parts" "$etc/lists/partial" "$etc/cache"
cat >"$etc/apt.conf" <<END
Dir::Etc::SourceList "$etc/sources.list";
Dir::Etc::SourceParts "$etc/parts";
Dir::State::Lists "$etc/lists";
Dir::Cache "$etc/cache";
END
export APT_CONFIG=$etc/apt.conf
unset FANOUT_MIRROR
failures=0

expect() {  # label, pattern of the output
  local printed
  printed=$("$tool" --mirrors 2>&1) || printed="refused: $printed"
  # shellcheck disable=SC2053  # it is a pattern
  if [[ $printed != $2 ]]; then
    printf '%s: printed "%s" instead of "%s"\n' "$1" "$printed" "$2" >&2
    failures=$((failures + 1))
  fi
  rm -f "$etc/sources.list" "$etc/parts"/*
}

cat >"$etc/sources.list" <<'END'
# deb http://commented.invalid/debian bookworm main
deb [arch=amd64] http://other.invalid/tools bookworm main
deb [signed-by=/k.gpg] http://mirror.invalid/debian bookworm main contrib
deb http://mirror.invalid/debian/ bookworm-updates main
deb http://mirror.invalid/security bookworm-security main
END
expect "a line for each" $'http://mirror.invalid/debian\nhttp://mirror.invalid/security'

cat >"$etc/parts/debian.sources" <<'END'
Types: deb deb-src
URIs: http://mirror.invalid/debian/
Suites: trixie
 trixie-updates
Components: main

# It is off.
Enabled: no
Types: deb
URIs: http://off.invalid/debian-security
Suites: trixie-security
Components: main

Types: deb
URIs: http://mirror.invalid/debian-security
Suites: trixie-security
Components: main
END
cat >"$etc/parts/a-other.list" <<'END'
deb http://other.invalid/tools trixie main
END
expect "stanzas" $'http://mirror.invalid/debian\nhttp://mirror.invalid/debian-security'

printf 'deb http://mirror.invalid/debian bookworm main\ndeb http://mirror.invalid/debian bookworm-updates main\n' \
  >"$etc/parts/debian.list"
expect "without security" 'http://mirror.invalid/debian'

printf 'deb http://other.invalid/tools bookworm main\n' >"$etc/sources.list"
expect "another archive only" 'refused: *FANOUT_MIRROR*'

export FANOUT_MIRROR=http://named.invalid/debian
expect "one that was named" $'http://named.invalid/debian\nhttp://named.invalid/debian-security'

[[ $failures -eq 0 ]]
