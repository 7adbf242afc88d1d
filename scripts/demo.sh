#!/usr/bin/env bash
# Three unmodified programs share one GPU through Paella: two inference servers and a neighbour that keeps the GPU busy,
# first under the policy fifo, then under round-robin. Sets up, builds, starts a daemon of its own, prints one table.
# On a machine without a GPU the simulated GPU takes its place.
# Usage: demo.sh [--simulated]     --simulated: leave a GPU that is there alone
# Exit status: 0 every answer was right; 1 one was not, or something failed and was said; 64 a wrong argument.
# BUILD_ROOT moves the build folder.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "demo.sh: $*" >&2; exit 1; }

force_simulated=false
case "$*" in
  "") ;;
  --simulated) force_simulated=true ;;
  *) echo "usage: scripts/demo.sh [--simulated]" >&2; exit 64 ;;
esac

build() {
  scripts/setup.sh
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
  cmake --build "$build" --target paellad paellactl paella digits busy paella_simulated_gpu
}

# Device nodes tell of a GPU even where its driver does not work: that deserves a message, and not the simulated GPU.
has_gpu() { compgen -G '/dev/nvidia[0-9]*' >/dev/null || [[ -e /dev/dxg ]]; }

daemon=
tenants=()
folder=
clean_up() {
  local status=$?
  trap - EXIT INT TERM HUP
  end "${tenants[@]}"
  [[ -z $daemon ]] || end "$daemon"
  [[ -z $folder ]] || rm -rf "$folder"
  exit "$status"
}

# end PID...: SIGTERM, and SIGKILL for what has not ended after ten seconds.
end() {
  local pid
  for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "$@"; do
    has_ended_within 10 "$pid" || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}

# In short sleeps, since a signal to this script is looked at only between two commands.
has_ended_within() { # seconds, pid
  local tries
  for ((tries = 0; tries < 10 * $1; ++tries)); do
    kill -0 "$2" 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}

control() { "$build/scheduler_daemon/paellactl" "$@" --socket "$socket"; }

# field KEYS: a value of paellad's status, by the keys that lead to it.
field() { control status --json | python3 -c 'import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1:]: value = value[key]
print(len(value) if isinstance(value, list) else value)' "$@"; }

# The daemon may take seconds to get at a GPU that nobody used before.
start_daemon() {
  "$build/scheduler_daemon/paellad" --driver "$driver" --socket "$socket" --drain-seconds 1 \
    >"$folder/paellad.log" 2>&1 &
  daemon=$!
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    kill -0 "$daemon" 2>/dev/null || give_up_on_daemon "paellad cannot use the $gpu_kind:"
    [[ $(field device name 2>/dev/null) ]] && return
    sleep 0.1
  done
  give_up_on_daemon "paellad has no $gpu_kind after 30 seconds:"
}

give_up_on_daemon() {
  echo "demo.sh: $1" >&2
  sed 's/^/    /' "$folder/paellad.log" >&2
  $force_simulated || [[ $gpu_kind == "simulated GPU" ]] ||
    echo "demo.sh: nvidia-smi tells more about the GPU; scripts/demo.sh --simulated does without it" >&2
  exit 1
}

# The programs' machine code is the toolkit's, and a driver runs that of its own major version and older ones.
check_driver_version() {
  local has needs
  has=$(field device driver_version)
  needs=$("$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)" --version | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
  ((has / 1000 >= needs)) || die "the GPU's driver is for CUDA $((has / 1000)), the toolkit is CUDA $needs:" \
    "install a newer driver, or run scripts/demo.sh --simulated"
}

# start TENANT PROGRAM ARGUMENT...
start() {
  local tenant=$1
  shift
  "$build/scheduler_daemon/paellactl" run --tenant "$tenant" --socket "$socket" -- \
    "$@" --json "$folder/$policy.$tenant.json" >"$folder/$policy.$tenant.log" 2>&1 &
  tenants+=($!)
}

# finish PID TENANT SECONDS: waits for a program; what it says goes on if it fails.
finish() {
  local pid=$1 tenant=$2 status=0
  if ! has_ended_within "$3" "$pid"; then
    echo "demo.sh: $tenant does not end in $3 seconds, and is killed" >&2
    kill -KILL "$pid" 2>/dev/null || true
  fi
  wait "$pid" || status=$?
  ((status == 0)) && return
  failed=true
  echo "demo.sh: $tenant ended with $status under $policy:" >&2
  sed 's/^/    /' "$folder/$policy.$tenant.log" >&2
}

run_tenants() { # policy
  policy=$1
  control policy set "$policy" >/dev/null
  echo "Three tenants under $policy ..."
  tenants=()
  start digits-1 "$build/examples/digits/digits" "${digits_arguments[@]}"
  start digits-2 "$build/examples/digits/digits" "${digits_arguments[@]}"
  start busy "$build/examples/busy/busy" --seconds "$limit" "${busy_arguments[@]}"
  finish "${tenants[0]}" digits-1 "$limit"
  finish "${tenants[1]}" digits-2 "$limit"
  kill -TERM "${tenants[2]}" 2>/dev/null || true  # it ends as if its time were over
  finish "${tenants[2]}" busy 30
  tenants=()
  save_status
}

# A tenant's GPU time stands in the status once its last client has been given back.
save_status() {
  local tries
  ((ended += 3))
  for ((tries = 0; tries < 100; ++tries)); do
    kill -0 "$daemon" 2>/dev/null || give_up_on_daemon "paellad has ended:"
    [[ $(field finished 2>/dev/null || echo 0) -ge $ended ]] && break
    sleep 0.1
  done
  control status --json >"$folder/$policy.status.json"
}

build=$(realpath -m "${BUILD_ROOT:-build}")/release
build
folder=$(mktemp -d)
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
socket=$folder/paella.sock
failed=false
ended=0
if ! $force_simulated && has_gpu; then
  gpu_kind=GPU
  driver=libcuda.so.1
  limit=120
  digits_arguments=(--repeat 40 --interval-us 5000)  # about six seconds
  busy_arguments=(--microseconds 200 --streams 4 --depth 16)
else
  gpu_kind="simulated GPU"
  driver=$build/tests/simulated_gpu/libcuda.so.1
  # The programs do without a driver of the machine, as the daemon does, and its GPUs may be hidden from them.
  export PAELLA_REAL_DRIVER=/nonexistent
  unset CUDA_VISIBLE_DEVICES
  limit=300
  digits_arguments=(--repeat 3)
  busy_arguments=(--microseconds 5000)
fi
start_daemon
[[ $gpu_kind != GPU ]] || check_driver_version
run_tenants fifo
run_tenants round-robin

echo
if [[ $gpu_kind == GPU ]]; then
  echo "Run on a GPU: $(field device name)"
else
  why=$($force_simulated && echo "as asked for" || echo "this machine has no GPU")
  echo "Run on the SIMULATED GPU ($why): the answers are checked, times mean nothing"
fi
python3 scripts/demo_table.py "$folder" fifo round-robin || failed=true
if $failed; then die "not every answer was right"; fi
echo "Every answer was right."
