# Sourced by the README's two commands: finds or installs what they need, then configures.
# Needs: top (the project's folder). Gives: prepare, configure, build_in, in_mpi_environment.

# What is missing, as packages of Debian and Ubuntu. $1: 'tests' also wants what tests are built with, and
# in CI what checks the sources.
missing_packages() {
  command -v g++ >/dev/null || echo g++
  command -v cmake >/dev/null || echo cmake
  command -v ninja >/dev/null || echo ninja-build
  command -v mpirun >/dev/null || echo openmpi-bin
  command -v mpicxx >/dev/null || echo libopenmpi-dev
  [ -e /usr/include/ucp/api/ucp.h ] || [ -n "${ucx_ROOT:-}${ucx_DIR:-}" ] || echo libucx-dev
  [ -e /usr/include/CLI/CLI.hpp ] || [ -n "${CLI11_ROOT:-}${CLI11_DIR:-}" ] || echo libcli11-dev
  if [ "$1" = tests ]; then
    [ -e /usr/include/gtest/gtest.h ] || [ -n "${GTest_ROOT:-}${GTest_DIR:-}" ] || echo libgtest-dev
    command -v ip >/dev/null || echo iproute2
    command -v pkg-config >/dev/null || echo pkg-config
    [ -n "${CI:-}" ] || return 0
    command -v mpicc.mpich >/dev/null || echo libmpich-dev
    command -v clang++ >/dev/null || echo clang
    command -v clang-format >/dev/null || echo clang-format
    command -v clang-tidy >/dev/null || echo clang-tidy
  fi
}

# Packages without which nothing can be built.
required_of() { echo "$1" | tr ' ' '\n' | grep -E '^(g\+\+|cmake|openmpi-bin|libopenmpi-dev)$' | xargs; }

prepare() {
  missing=$(missing_packages "$1" | xargs)
  if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "== installing: $missing"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # shellcheck disable=SC2086
    { apt-get -qq -o Acquire::Retries=2 update &&
      apt-get -qq -y --no-install-recommends install $missing; } >"$log" 2>&1 ||
      { echo "== apt-get could not install them:"; tail -n 3 "$log"; }
    rm -f "$log"
    missing=$(missing_packages "$1" | xargs)
  fi
  if [ -n "$(required_of "$missing")" ]; then
    echo "causeway needs what these packages hold: $missing"
    echo "On Debian or Ubuntu: sudo apt-get install $missing"
    exit 1
  fi
  [ -z "$missing" ] || echo "== going on without: $missing"
  have=$(cmake --version | sed -n '1s/.*version //p')
  if [ "$(printf '3.25\n%s\n' "$have" | sort -V | head -n 1)" != 3.25 ]; then
    echo "causeway needs CMake 3.25 or newer and found $have: python3 -m pip install cmake"
    exit 1
  fi
}

# Configures $1, a build tree, with further arguments for CMake.
configure() {
  tree=$1
  shift
  if [ ! -e "$tree/CMakeCache.txt" ] && command -v ninja >/dev/null; then set -- -G Ninja "$@"; fi
  mkdir -p "$tree"
  cmake -S "$top" -B "$tree" -DCAUSEWAY_REQUIRE="${CAUSEWAY_REQUIRE:-}" "$@" >"$tree/configure.log" 2>&1 ||
    { cat "$tree/configure.log"; exit 1; }
  sed -n 's/^-- causeway: /   /p' "$tree/configure.log"
}

# Builds targets $2... in tree $1, or all, and shows how far that has come; what compilers say is in build.log.
build_in() {
  tree=$1
  shift
  [ $# -eq 0 ] || set -- --target "$@"
  { cmake --build "$tree" --parallel "$(nproc)" "$@" 2>&1 || echo "BUILD FAILED"; } |
    awk -v log_file="$tree/build.log" '
      { print >log_file }
      /^BUILD FAILED$/ { failed = 1 }
      /^\[[0-9]+\/[0-9]+\]/ {
        split(substr($1, 2), part, /[\/\]]/)
        tenth = int(10 * part[1] / part[2])
        if (tenth > shown) { shown = tenth; printf "   %d of %d\n", part[1], part[2]; fflush() }
      }
      END { exit failed }' || { tail -n 40 "$tree/build.log"; exit 1; }
  grep -E 'warning:|warning #' "$tree/build.log" || true
}

# Lets Open MPI start more ranks than there are processors, and, where that is who runs this, as root.
in_mpi_environment() {
  export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
  if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  "$@"
}
