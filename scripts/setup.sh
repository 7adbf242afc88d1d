#!/usr/bin/env bash
# Installs every Debian package that building, testing and running Paella needs. Idempotent; needs root (or sudo).
# The CUDA toolkit is the one thing it does not install: it looks for nvcc and says what to do if there is none.
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config   # build
  libspdlog-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libsystemd-dev libxxhash-dev   # daemon
  libgcrypt20-dev liblz4-dev libzstd-dev   # daemon: to know code images again and to look into them
  libunwind-dev                    # back traces of unsupported calls
  libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev   # tests
  python3 binutils procps          # code generation, symbol checks, process checks
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done

if ((${#missing[@]})); then
  as_root=()
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! command -v nvcc >/dev/null && [[ ! -x /usr/local/cuda/bin/nvcc ]]; then
  echo "setup.sh: no CUDA toolkit found (nvcc is neither on PATH nor in /usr/local/cuda/bin)." >&2
  echo "          Install the CUDA 13 toolkit; no GPU and no driver are needed to build and test." >&2
  exit 1
fi
echo "setup.sh: everything is installed"
