#!/usr/bin/env bash
# Runs all that needs a GPU, from a folder that scripts/stage_gpu_build.sh made. Needs bash, python3 and the GPU's
# driver; no network, no development packages. tests/gpu/README.md explains the groups; --help the options.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
exec python3 "$root/tests/gpu/gpu_check" "$@"
