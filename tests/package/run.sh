#!/usr/bin/env bash
# run.sh BUILD SOURCE CMAKE COMPILER: installs BUILD into a directory of its own, moves that, and builds and runs the
# consumer against it through find_package and through pkg-config. BUILD that was not built is refused as a whole.
set -euo pipefail

build=$1 source=$2 cmake=$3 compiler=$4
work=$build/package
consumer=$source/tests/package/consumer
expected='too_large: 11 bytes, 10 allowed'

rm -rf "$work"

# A build directory in which nothing has been built yet: that is said, and the prefix stays as it was.
mkdir -p "$work/unbuilt"
(cd "$build" && find . -name cmake_install.cmake -exec cp --parents {} "$work/unbuilt" \;)
find "$work/unbuilt" -name cmake_install.cmake -exec sed -i "s|$build/|$work/unbuilt/|g" {} +
if said=$("$cmake" --install "$work/unbuilt" --prefix "$work/none" 2>&1); then
  printf 'what was not built was installed:\n%s\n' "$said" >&2
  exit 1
fi
if [[ -e $work/none || $(tr -s '\n ' ' ' <<<"$said") != *"has not been built, so nothing was installed"* ]]; then
  printf 'an installation without a build left files, or did not say why it failed:\n%s\n' "$said" >&2
  exit 1
fi

"$cmake" --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"  # an installed tree holds no absolute path of its own

check() {  # label program
  local printed
  printed=$("$2")
  if [[ $printed != "$expected" ]]; then
    printf '%s printed "%s", not "%s"\n' "$1" "$printed" "$expected" >&2
    exit 1
  fi
}

[[ -x $work/prefix/bin/fanout ]]

"$cmake" -S "$consumer" -B "$work/cmake" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_FIND_PACKAGE_NO_PACKAGE_REGISTRY=ON
"$cmake" --build "$work/cmake"
check "the consumer by find_package" "$work/cmake/consumer"

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name fanout.pc)")
export PKG_CONFIG_PATH
read -ra cflags < <(pkg-config --cflags fanout)
read -ra libs < <(pkg-config --static --libs fanout)
"$compiler" -std=c++20 "${cflags[@]}" "$consumer/main.cpp" "${libs[@]}" -o "$work/by-pkg-config"
check "the consumer by pkg-config" "$work/by-pkg-config"

# All of the library at once: whatever any part of it needs, the private libraries of fanout.pc provide.
archive=$(find "$work/prefix" -name libfanout.a)
"$compiler" -std=c++20 "${cflags[@]}" "$consumer/main.cpp" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
  "${libs[@]}" -o "$work/whole"
check "the consumer with the whole library" "$work/whole"
