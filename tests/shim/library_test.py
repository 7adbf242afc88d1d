#!/usr/bin/env python3
"""Looks at the built library as a loader does: exports, needed libraries, symbol versions, SONAME, constructors.

usage: library_test.py LIBPAELLA STUB_LIBCUDA NM READELF OBJDUMP
"""
import re
import subprocess
import sys

ALLOWED_NEEDED = {"libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
NEWEST_GLIBC = (2, 34)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def exports(nm, library):
    return {line.split()[-1].split("@")[0] for line in output(nm, "-D", "--defined-only", library).splitlines()}


def main():
    library, stub, nm, readelf, objdump = sys.argv[1:]
    failures = []

    expected = {s for s in exports(nm, stub) if re.match(r"cu[A-Z]", s)} | {"dlopen"}
    found = exports(nm, library)
    if found != expected:
        failures.append(f"exports: missing {sorted(expected - found)}, too many {sorted(found - expected)}")

    dynamic = output(readelf, "-d", library)
    soname = re.findall(r"\(SONAME\).*\[(.*)\]", dynamic)
    if soname != ["libcuda.so.1"]:
        failures.append(f"SONAME {soname}")
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    if not needed <= ALLOWED_NEEDED:
        failures.append(f"NEEDED {sorted(needed - ALLOWED_NEEDED)}")
    if re.search(r"\((RPATH|RUNPATH|TEXTREL)\)", dynamic):
        failures.append("it has an RPATH, a RUNPATH or text relocations")

    for version, symbol in re.findall(r"\(GLIBC_([0-9.]+)\)\s+(\S+)", output(objdump, "-T", library)):
        if tuple(map(int, version.split("."))) > NEWEST_GLIBC:
            failures.append(f"{symbol} needs GLIBC_{version}")

    # A preload also reaches compilers and shells: nothing of ours may run before cuInit. libstdc++'s own two stay.
    ours = [line for line in output(nm, "-C", library).splitlines()
            if "_GLOBAL__sub_I" in line and not re.search(r"eh_alloc|system_error", line)]
    if ours:
        failures.append(f"constructors: {ours}")

    for failure in failures:
        print("failed:", failure)
    sys.exit(1 if failures else 0)


main()
