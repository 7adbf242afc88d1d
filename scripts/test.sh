#!/usr/bin/env bash
# Sets up, builds and runs every test, once plain and once per sanitizer. BUILD_ROOT moves the build folders.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh

build_root=${BUILD_ROOT:-build}
run() { # name, extra cmake arguments
  local name=$1; shift
  cmake -S . -B "$build_root/$name" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo "$@" >/dev/null
  cmake --build "$build_root/$name"
  ctest --test-dir "$build_root/$name" --output-on-failure --no-tests=error -j "$(nproc)"
}

run release
run address-undefined -DPAELLA_SANITIZE=address,undefined
run thread -DPAELLA_SANITIZE=thread
