#!/usr/bin/env bash
# What is installed lies where it should, and the installed programs and the systemd unit find each other there.
# usage: installation_test.sh BUILD_FOLDER CMAKE PYTHON
set -euo pipefail
build=$1 cmake=$2 python=$3
here=$(dirname "$0")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() { echo "failed: $*"; exit 1; }

check_prefix() { # prefix
  local prefix=$1 top=$root$1 file
  DESTDIR=$root "$cmake" --install "$build" --prefix "$prefix" --component shim >/dev/null
  DESTDIR=$root "$cmake" --install "$build" --prefix "$prefix" --component daemon >/dev/null
  for file in bin/paellad bin/paellactl lib/paella/libpaella.so lib/systemd/system/paellad@.service \
              share/doc/paella/paellad.toml; do
    [[ -f $top/$file ]] || fail "$prefix/$file is not installed"
  done
  [[ -x $top/bin/paellad && -x $top/bin/paellactl ]] || fail "programs in $prefix are not executable"

  local preload
  preload=$("$top/bin/paellactl" run -- sh -c 'echo "$LD_PRELOAD"')
  [[ $preload == "$top/lib/paella/libpaella.so" ]] || fail "paellactl of $prefix preloads $preload"
  "$top/bin/paellad" --version | grep -q '^paellad ' || fail "paellad of $prefix does not start"

  local unit=$top/lib/systemd/system/paellad@.service
  "$python" "$here/unit_file_check.py" "$unit" "$prefix" "$top/share/doc/paella/paellad.toml"
  # systemd's own opinion, where systemd is: of a copy that starts the program where it lies now.
  if command -v systemd-analyze >/dev/null; then
    mkdir -p "$root/unit"
    sed "s#^ExecStart=#&$root#" "$unit" >"$root/unit/paellad@.service"
    local said
    said=$(systemd-analyze --man=no verify "$root/unit/paellad@0.service" 2>&1) || fail "systemd-analyze: $said"
    ! grep paellad <<<"$said" || fail "systemd-analyze found this"  # it may have found something in other units too
  fi
}

check_prefix /usr
[[ ! -e $root/etc ]] || fail "something was installed in /etc, which is the administrator's"
check_prefix /opt/paella
