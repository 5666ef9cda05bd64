#!/bin/sh
# Installs a build of causeway and builds and runs another project with it:
# run.sh BUILD_TREE MPIEXEC C_COMPILER C++_COMPILER, or pkg-config in place of the compilers, which
# then builds with MPI's wrapper and what pkg-config says. WITH_TUNE=1 says that causeway-tune is in it;
# MPICC and MPICXX are the wrappers of the MPI that it was built with.
set -eu
build=$1 mpiexec=$2 cc=$3 cxx=${4:-}
mpicc=${MPICC:-$(command -v mpicc)} mpicxx=${MPICXX:-$(command -v mpicxx)}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in "$cc" $cxx; do
  command -v "$tool" >/dev/null || { echo "SKIPPED: no $tool here"; exit 0; }
done
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"  # an installed tree may be moved
prefix=$work/moved
libdir=$(dirname "$(find "$prefix" -name libcauseway.so)")
run() { "$mpiexec" -n 2 "$1"; }

# Nothing of where it was built stays in what is installed, and the programs run.
if grep -rlF "$build" "$prefix/include" "$libdir/cmake" "$libdir/pkgconfig"; then
  echo "these name the build tree"
  exit 1
fi
[ -z "${WITH_TUNE:-}" ] || "$mpiexec" -n 2 "$prefix/bin/causeway-tune" --help >/dev/null
export LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
run "$prefix/bin/causeway-info" >/dev/null

if [ "$cc" = pkg-config ]; then
  export PKG_CONFIG_PATH="$libdir/pkgconfig"
  # shellcheck disable=SC2046
  "$mpicc" -std=c99 -Wall -Werror "$here/exchange.c" -o "$work/c" $(pkg-config --cflags --libs causeway)
  # shellcheck disable=SC2046
  "$mpicxx" -std=c++20 "$here/exchange.cpp" -o "$work/cpp" $(pkg-config --cflags --libs causeway)
  run "$work/c" && run "$work/cpp"
  echo "built with pkg-config, version $(pkg-config --modversion causeway)"
  exit 0
fi
for languages in "C;CXX" CXX; do
  [ "$languages" = CXX ] && tree=$work/of_cxx || tree=$work/of_both
  cmake -S "$here" -B "$tree" -DLANGUAGES="$languages" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" -DMPI_C_COMPILER="$mpicc" -DMPI_CXX_COMPILER="$mpicxx" >"$work/log" 2>&1 &&
    cmake --build "$tree" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  [ "$languages" = CXX ] || run "$tree/exchange_in_c"
  run "$tree/exchange_in_cpp"
  "$tree/send_on_threads"
done
echo "built with $cc and $cxx"
