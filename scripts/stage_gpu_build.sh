#!/usr/bin/env bash
# Makes of a build folder the small, stripped folder that scripts/gpu_check.sh runs from on another machine:
#   bin/         the daemon, the control tool, the examples and the tests' programs
#   lib/         the shared libraries that they need and that the other machine may lack
#   lib/paella/  libpaella.so
# Usage: stage_gpu_build.sh [BUILD_FOLDER [STAGED_FOLDER]]   (default: build/release build/gpu)
# Exit status 1: something is missing in the build folder; what is there is staged all the same. 64: a wrong argument.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
staged=${2:-build/gpu}

refuse() { echo "stage_gpu_build.sh: $*" >&2; exit 64; }
case "$*" in -*|*" -"*) refuse "usage: scripts/stage_gpu_build.sh [BUILD_FOLDER [STAGED_FOLDER]]" ;; esac
[[ -x $build/scheduler_daemon/paellad ]] || refuse "$build is no folder of a finished build"
# It is emptied, so it must be what this script made, or nothing.
if [[ -e $staged && -n $(ls -A "$staged") && ! -d $staged/lib/paella ]]; then refuse "$staged holds something else"; fi

programs=(
  scheduler_daemon/paellad scheduler_daemon/paellactl
  examples/vector_add/vector_add examples/busy/busy examples/digits/digits
  tests/gpu/cudart/cudart_static tests/gpu/cudart/cudart_shared tests/gpu/unruly/unruly
  tests/integration/integration_arrays tests/integration/integration_graphs tests/integration/integration_linker
  tests/integration/integration_printing tests/integration/integration_sharing
  tests/integration/virtual_memory_program
  tests/bad_calls/bad_calls tests/benchmark/driver_benchmark tests/benchmark/channel_benchmark
  tests/benchmark/completion_benchmark
)
data=(examples/digits/data/digits.csv examples/digits/data/digits_weights.txt)

# Every Linux machine with a GPU has these, in a version that suits its own C library.
everywhere='^(linux-vdso|ld-linux|lib(c|m|dl|rt|pthread|resolv|gcc_s|stdc\+\+|cuda))[-.]'

needed_libraries() { # programs; prints the paths of the shared libraries to carry
  ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}' | sort -u | grep -Ev "$everywhere" | cut -d' ' -f2 || true
}

rm -rf "$staged"
mkdir -p "$staged/bin" "$staged/lib/paella"

missing=()
found=()
for program in "${programs[@]}"; do
  if [[ -x $build/$program ]]; then found+=("$build/$program"); else missing+=("$program"); fi
done
for program in "${found[@]}"; do install -s -m 755 "$program" "$staged/bin/"; done
for library in $(needed_libraries "${found[@]}"); do install -s -m 644 "$library" "$staged/lib/"; done
if [[ -e $build/shim/libpaella.so ]]; then
  install -s -m 755 "$build/shim/libpaella.so" "$staged/lib/paella/"
else
  missing+=(shim/libpaella.so)
fi
cp "${data[@]}" "$staged/bin/"

# A program that was not linked to look in ../lib would fail only on the other machine: say so here.
# shellcheck disable=SC2016  # the loader expands $ORIGIN
for program in "${found[@]}"; do
  name=$(basename "$program")
  if [[ -n $(needed_libraries "$program") ]] && ! readelf -d "$staged/bin/$name" | grep -qF '$ORIGIN/../lib'; then
    missing+=("$name's search path of \$ORIGIN/../lib")
  fi
done

du -sh "$staged"
if ((${#missing[@]})); then
  printf 'stage_gpu_build.sh: missing: %s\n' "${missing[@]}" >&2
  exit 1
fi
