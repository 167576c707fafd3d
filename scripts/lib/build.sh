# shellcheck shell=bash
# Configure and build one preset, with progress. Sourced by run and test, after common.sh.

# A checkout of somebody else's is built as its owner, so that root leaves no files behind in it.
as_owner() {
  local owner
  owner=$(stat -c %U "$ROOT")
  if ((EUID == 0)) && [[ $owner != root && $owner != UNKNOWN ]]; then
    runuser -u "$owner" -- "$@"
  else
    "$@"
  fi
}

# On a terminal ninja rewrites its line by itself; elsewhere every fiftieth step is enough.
thin_out() { awk '!/^\[[0-9]+\/[0-9]+ / || ++n % 50 == 0 { print; fflush() }'; }

# A checkout in another folder finds what the compiler cache has from this one.
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1

# build_preset NAME [TARGET…]: leaves the programs in build/NAME; all of them when none is named.
build_preset() {
  local preset=$1 log rc=0
  shift
  title "Build, preset $preset / 编译"
  cd "$ROOT" || die "cannot enter $ROOT"
  log=$(as_owner mktemp)
  if ! as_owner cmake --preset "$preset" > "$log" 2>&1; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "cmake --preset $preset failed"
  fi
  rm -f "$log"
  say "configured in build/$preset"
  if [[ -t 1 ]]; then
    as_owner env NINJA_STATUS='   [%f/%t %es] ' ninja -C "build/$preset" "$@" || rc=$?
  else
    as_owner env NINJA_STATUS='[%f/%t %es] ' ninja -C "build/$preset" "$@" | thin_out || rc=$?
  fi
  ((rc == 0)) || die "the build failed"
}

setup_if_missing() {
  "$ROOT/scripts/setup" --check > /dev/null || "$ROOT/scripts/setup"
}

# The names of the fuzz targets, one a line: each has a folder of seeds.
fuzz_targets() { find "$ROOT/tests/fuzz/seeds" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort; }
