#!/usr/bin/env python3
"""Checks an installed paellad@.service: it can be read, names installed files, and keeps what CUDA and draining need.

usage: unit_file_check.py UNIT PREFIX PAELLAD_TOML
"""
import re
import sys

# What takes from CUDA what it needs; the unit's comments say how.
HARMFUL = {"PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock", "MemoryDenyWriteExecute",
           "ProtectKernelModules", "ProtectKernelTunables", "DynamicUser"}


def read_unit(path):
    """{section: [(key, value)]}; raises ValueError for a line that is nothing."""
    sections, current = {}, None
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if match := re.fullmatch(r"\[(\w+)\]", line):
            current = sections.setdefault(match[1], [])
        elif (match := re.fullmatch(r"(\w+)=(.*)", line)) and current is not None:
            current.append((match[1], match[2]))
        else:
            raise ValueError(f"{path}:{number}: {line}")
    return sections


def main():
    path, prefix, toml = sys.argv[1:]
    failures = []

    def expect(condition, text):
        if not condition:
            failures.append(text)

    sections = read_unit(path)
    expect(set(sections) == {"Unit", "Service", "Install"}, f"sections {sorted(sections)}")
    service = dict(sections["Service"])
    expect("@PAELLA" not in open(path, encoding="utf-8").read(), "a path was not filled in")
    command = service["ExecStart"].split()
    expect(command[0] == f"{prefix}/bin/paellad", f"ExecStart {command[0]}")
    expect(command[1:3] == ["--device", "%i"], f"ExecStart {command}")
    expect(command[3] == "--optional-config", "a missing configuration file would be an error")
    expect(service["Type"] == "notify", "Type")
    expect(int(service["WatchdogSec"]) >= 10, "WatchdogSec: paellad may wait for a peer for 2 s, several times")
    expect(service["Restart"] == "on-failure", "Restart")
    expect(service["KillMode"] == "mixed", "KillMode: the executor would be ended with paellad, not drained")
    drain = int(re.search(r"^#drain_seconds = (\d+)", open(toml, encoding="utf-8").read(), re.M)[1])
    expect(int(service["TimeoutStopSec"]) > drain, "TimeoutStopSec ends the draining")
    expect(service["RuntimeDirectory"] == "paella", "RuntimeDirectory")
    expect(int(service["RuntimeDirectoryMode"], 8) & 0o5 == 0o5, "RuntimeDirectoryMode: clients cannot connect")
    expect(service["RuntimeDirectoryPreserve"] == "yes", "one instance's end would take the others' sockets")
    expect(not HARMFUL & set(service), f"harmful: {sorted(HARMFUL & set(service))}")

    for failure in failures:
        print("failed:", failure)
    sys.exit(1 if failures else 0)


main()
