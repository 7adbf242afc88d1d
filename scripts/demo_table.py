#!/usr/bin/env python3
"""Prints scripts/demo.sh's table and judges the answers.

usage: demo_table.py FOLDER POLICY...

FOLDER has, for each policy, POLICY.TENANT.json (a program's own summary) and POLICY.status.json (paellad's status after
the programs' end). Exit status 1 if an answer was wrong or is missing.
"""
import json
import pathlib
import sys

TENANTS = ("digits-1", "digits-2", "busy")
HEADINGS = ("POLICY", "TENANT", "REQUESTS", "ACCURACY", "P50", "P99", "GPU TIME", "ANSWERS")
REQUIRED_ACCURACY = 0.97
MISSING = "-"


def read(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def is_right(summary):
    if summary is None:
        return False
    if "wrong" in summary:  # busy checks each kernel's result
        return summary["wrong"] == 0 and summary["kernels"] > 0
    return summary["bit_identical"] and summary["accuracy"] >= REQUIRED_ACCURACY


def gpu_seconds(status, tenant):
    """Of the tenant's latest stay: the same names come back under the next policy."""
    stays = [entry["gpu_seconds"] for entry in (status or {}).get("finished", []) if entry["tenant"] == tenant]
    return f"{stays[-1]:.3f} s" if stays else MISSING


def milliseconds(microseconds):
    return MISSING if microseconds is None else f"{microseconds / 1000:.3f} ms"


def row(folder, policy, tenant, status):
    summary = read(folder / f"{policy}.{tenant}.json")
    known = summary or {}
    requests = known.get("requests", known.get("kernels", MISSING))
    accuracy = f"{known['accuracy']:.4f}" if "accuracy" in known else MISSING
    right = is_right(summary)
    verdict = "right" if right else "NONE" if summary is None else "WRONG"
    cells = (policy, tenant, str(requests), accuracy, milliseconds(known.get("p50_us")),
             milliseconds(known.get("p99_us")), gpu_seconds(status, tenant), verdict)
    return cells, right


def print_table(rows):
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEADINGS))]
    for line in rows:
        cells = [cell.ljust(width) if column < 2 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())


def main(folder, policies):
    rows, all_right = [HEADINGS], True
    for policy in policies:
        status = read(folder / f"{policy}.status.json")
        for tenant in TENANTS:
            cells, right = row(folder, policy, tenant, status)
            rows.append(cells)
            all_right = all_right and right
    print_table(rows)
    return 0 if all_right else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
