#!/usr/bin/env bash
# Installing must not put Paella into the loader's way for programs that did not ask for it: no libcuda.so.1 appears in
# ldconfig's links or cache. usage: install_test.sh BUILD_FOLDER CMAKE
set -euo pipefail
build=$1 cmake=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

DESTDIR=$root "$cmake" --install "$build" --prefix /usr --component shim >/dev/null
[[ -f $root/usr/lib/paella/libpaella.so ]] || { echo "not installed"; exit 1; }

PATH=$PATH:/sbin:/usr/sbin
mkdir -p "$root/etc"
echo /usr/lib >"$root/etc/ld.so.conf"
ldconfig -r "$root"
links=$(find "$root" -name 'libcuda*')
[[ -z $links ]] || { echo "links: $links"; exit 1; }
if ldconfig -r "$root" -p | grep libcuda; then
  echo "the loader's cache knows a libcuda"
  exit 1
fi
