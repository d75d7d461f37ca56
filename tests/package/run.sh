#!/usr/bin/env bash
# run.sh BUILD SOURCE CMAKE COMPILER: installs BUILD into a directory of its own, moves that, and builds and runs the
# consumer against it through find_package and through pkg-config; then the same with the component core alone. BUILD that
# was not built is refused as a whole.
set -euo pipefail

build=$1 source=$2 cmake=$3 compiler=$4
work=$build/package
consumer=$source/tests/package/consumer

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

check() {  # label program expected
  local printed
  printed=$("$2")
  if [[ $printed != "$3" ]]; then
    printf '%s printed "%s", not "%s"\n' "$1" "$printed" "$3" >&2
    exit 1
  fi
}
all='too_large: 11 bytes, 10 allowed'
core='fanout 0: 1 4 9'

[[ -x $work/prefix/bin/fanout ]]
for text in man/man1/fanout.1 man/man1/fanout-{fetch,curl,compare,serve,job}.1 \
  bash-completion/completions/fanout zsh/site-functions/_fanout fish/vendor_completions.d/fanout.fish; do
  [[ -s $work/prefix/share/$text ]] || { printf 'not installed: share/%s\n' "$text" >&2; exit 1; }
done
# Each worker process is the tool, started again: what it loads is most of its start.
if ldd "$work/prefix/bin/fanout" | grep -E 'ssl|crypto|cares|brotli|psl|idn2|unistring|zstd|libz\.'; then
  printf 'the tool loads these libraries, whose archives it should carry\n' >&2
  exit 1
fi

"$cmake" -S "$consumer" -B "$work/cmake" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_FIND_PACKAGE_NO_PACKAGE_REGISTRY=ON
"$cmake" --build "$work/cmake"
check "the consumer by find_package" "$work/cmake/consumer" "$all"

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name fanout.pc)")
export PKG_CONFIG_PATH
read -ra cflags < <(pkg-config --cflags fanout)
read -ra libs < <(pkg-config --static --libs fanout)
"$compiler" -std=c++20 "${cflags[@]}" "$consumer/main.cpp" "${libs[@]}" -o "$work/by-pkg-config"
check "the consumer by pkg-config" "$work/by-pkg-config" "$all"

# All of the library at once: whatever any part of it needs, the private libraries of the pkg-config files provide.
archives=("$(dirname "$PKG_CONFIG_PATH")"/libfanout_{core,http,fetch,origin,compare}.a)
"$compiler" -std=c++20 "${cflags[@]}" "$consumer/main.cpp" -Wl,--whole-archive "${archives[@]}" -Wl,--no-whole-archive \
  "${libs[@]}" -o "$work/whole"
check "the consumer with the whole library" "$work/whole" "$all"

# The component core alone has its own headers, archives and nothing of the others, and its users neither.
"$cmake" --install "$build" --prefix "$work/core-prefix" --component core >/dev/null
rooms=$(ls "$work/core-prefix/include/fanout")
if [[ $(tr '\n' ' ' <<<"$rooms") != "async base core core.hpp process version.hpp " ]]; then
  printf 'the component core installed other headers: %s\n' "$rooms" >&2
  exit 1
fi
"$cmake" -S "$source/tests/package/core" -B "$work/cmake-core" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_PREFIX_PATH="$work/core-prefix" -DCMAKE_FIND_PACKAGE_NO_PACKAGE_REGISTRY=ON
"$cmake" --build "$work/cmake-core"
check "the program with core by find_package" "$work/cmake-core/core_consumer" "$core"
PKG_CONFIG_PATH=$(dirname "$(find "$work/core-prefix" -name fanout-core.pc)")
read -ra cflags < <(pkg-config --cflags fanout-core)
read -ra libs < <(pkg-config --static --libs fanout-core)
"$compiler" -std=c++20 "${cflags[@]}" "$source/tests/package/core/main.cpp" "${libs[@]}" -o "$work/core-by-pkg-config"
check "the program with core by pkg-config" "$work/core-by-pkg-config" "$core"
for program in "$work/cmake-core/core_consumer" "$work/core-by-pkg-config"; do
  if ldd "$program" | grep -E 'ssl|crypto|cares|brotli|psl|idn2|zstd|libz'; then
    printf '%s, which only calls map, needs these libraries\n' "$program" >&2
    exit 1
  fi
done

# The component mpi, where it was built. Only who asks for it needs MPI.
if ldd "$work/cmake/consumer" "$work/prefix/bin/fanout" | grep 'libmpi'; then
  printf 'programs that do not ask for MPI need it\n' >&2
  exit 1
fi
if [[ -n $(find "$work/prefix" -name libfanout_mpi.a) ]]; then
  check_mpi() {  # label program; a program that mpirun does not start is rank 0 of one, with loopback alone
    if unshare --net true 2>/dev/null; then check "$1" "$work/alone" "0 nodes"; fi
  }
  cat >"$work/alone" <<'END'
#!/bin/sh
exec unshare --net sh -c 'ip link set lo up; exec "$MPI_CONSUMER"'
END
  chmod +x "$work/alone"
  export OMPI_MCA_btl=self OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  "$cmake" -S "$source/tests/package/mpi" -B "$work/cmake-mpi" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_FIND_PACKAGE_NO_PACKAGE_REGISTRY=ON
  "$cmake" --build "$work/cmake-mpi"
  export MPI_CONSUMER=$work/cmake-mpi/mpi_consumer
  check_mpi "the program with mpi by find_package"
  PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name fanout-mpi.pc)")
  read -ra cflags < <(pkg-config --cflags fanout-mpi)
  read -ra libs < <(pkg-config --static --libs fanout-mpi)
  "$compiler" -std=c++20 "${cflags[@]}" "$source/tests/package/mpi/main.cpp" "${libs[@]}" -o "$work/mpi-by-pkg-config"
  MPI_CONSUMER=$work/mpi-by-pkg-config
  check_mpi "the program with mpi by pkg-config"
fi

# Where only core is wanted, what the others stand on need not be there to build it.
"$cmake" -S "$source" -B "$work/core-only" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DFANOUT_COMPONENTS=core \
  -DFANOUT_BUILD_CLI=OFF -DFANOUT_BUILD_TESTS=OFF -DFANOUT_BUILD_EXAMPLES=OFF \
  -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON >/dev/null
