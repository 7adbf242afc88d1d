#!/usr/bin/env python3
"""Measures what each policy costs one tenant that is alone, against fifo, in turn.

    compare_policies.py --build build/gpu --json policies.json --table policies.md

Needs a GPU, PyTorch, and a build as scripts/compat.py does. One process of PyTorch lives through
Paella, and paellad's policy changes between its rounds of requests: a pair is a round under fifo and
one under the other policy, in changing order, and a row is judged by the median of its pairs'
ratios. Exit status: 0, 1 if a row could not be measured or (with --strict) missed its target, 2 if
there is no daemon.
"""
import argparse
import json
import os
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GPU_CHECK = os.path.join(os.path.dirname(HERE), "gpu", "gpu_check")
sys.path[0:1] = [os.path.join(HERE, "frameworks"), GPU_CHECK]

from asked import Worker  # noqa: E402
from machine import command_line, describe_machine  # noqa: E402
from place import Place  # noqa: E402
from ratios import Row, document, table  # noqa: E402
from report import CheckFailed  # noqa: E402

BASE = "fifo"
POLICIES = ("job-fifo", "round-robin", "sjf", "srpt", "paella", "priority", "edf", "wfq")
WORKLOADS = ("resnet50_eager", "resnet50_graph")
AT_MOST = 1.01
WHERE_RESULTS_GO = ("--json", "--table", "--logs")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/gpu",
                        help="as scripts/compat.py has it (default: %(default)s)")
    parser.add_argument("--policies", nargs="+", default=list(POLICIES),
                        help="of %(default)s; any with its settings, in quotes")
    parser.add_argument("--pairs", type=int, default=10, help="of rounds (default: %(default)s)")
    parser.add_argument("--round-s", type=float, default=0.3,
                        help="length of a round (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="file for every figure")
    parser.add_argument("--table", metavar="FILE", help="file for the printed table")
    parser.add_argument("--logs", metavar="FOLDER",
                        help="folder for the logs of paellad and of the client")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    return parser.parse_args()


class Measurement:
    def __init__(self, options: argparse.Namespace, machine: Place, folder: str):
        self._options, self._machine = options, machine
        self._worker = Worker(machine, "workloads_torch", "alone", folder)
        self._prepared: set[str] = set()

    def row(self, workload: str, policy: str) -> Row:
        row = Row(f"{workload} under {policy}", f"against {BASE}", "ms", AT_MOST)
        try:
            if workload not in self._prepared:
                self._worker.prepare(workload)
                self._prepared.add(workload)
            for pair in range(self._options.pairs):
                order = (BASE, policy) if pair % 2 == 0 else (policy, BASE)
                found = {name: self._round_ms(workload, name) for name in order}
                row.pairs.append((found[BASE], found[policy]))
        except CheckFailed as error:
            row.note = str(error)
        return row

    def _round_ms(self, workload: str, policy: str) -> float:
        self._machine.tell_daemon("policy", "set", *policy.split())
        return self._worker.round_ms(workload, self._options.round_s)

    def rows(self) -> list[Row]:
        rows = []
        for workload in WORKLOADS:
            for policy in self._options.policies:
                rows.append(self.row(workload, policy))
                print(table([rows[-1].summary()])[-1], flush=True)
        self._worker.end()
        return rows


def measure(options: argparse.Namespace) -> list[dict]:
    with tempfile.TemporaryDirectory(prefix="speed.") as folder:
        logs = os.path.abspath(options.logs or os.path.join(folder, "logs"))
        os.makedirs(logs, exist_ok=True)
        machine = Place(options.build, None, BASE, folder, logs, limit_s=1800)
        try:
            machine.start_paellad()
            return [row.summary() for row in Measurement(options, machine, folder).rows()]
        finally:
            machine.close()


def show(options: argparse.Namespace, summaries: list[dict]) -> None:
    machine = describe_machine(None)
    command = command_line("tests/benchmark/compare_policies.py", sys.argv[1:], WHERE_RESULTS_GO)
    text = document(machine, command, summaries, f"{BASE} | the policy")
    print("\n" + text)
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(text)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine, "command": command, "rows": summaries}, file, indent=1)


def main() -> int:
    options = parse_arguments()
    # So that what was started is ended
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        summaries = measure(options)
    except CheckFailed as error:
        print(f"compare_policies.py: {error}", file=sys.stderr)
        return 2
    show(options, summaries)
    failed = any(summary["note"] for summary in summaries)
    missed = options.strict and any(summary["met"] is False for summary in summaries)
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
