#!/usr/bin/env bash
# Stages the build folder and runs gpu_check.sh from there over the simulated GPU.
# Usage: dry_run_test.sh BUILD_FOLDER SIMULATED_DRIVER
set -euo pipefail
build=$1
driver=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$root/scripts/stage_gpu_build.sh" "$build" "$work/gpu"
"$root/scripts/gpu_check.sh" --build "$work/gpu" --driver "$driver" --results "$work/results" \
  examples cudart virtual-memory graphs arrays sharing printing linker processes faults
