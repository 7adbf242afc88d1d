"""The command line of scripts/compat.py."""
import argparse
import concurrent.futures
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time

import document
from machine import command_line, describe_machine
from place import Place
from programs_list import ROOT, Program, chosen
from report import CheckFailed
from runner import FAILED, FAILS_NATIVELY, Row, Runner
from watch import Watch

WHERE_RESULTS_GO = ("--json", "--table", "--logs")
TABLE = os.path.join(ROOT, "examples", "COMPATIBILITY.md")
DESCRIPTION = """Runs programs of many frameworks twice natively and once through Paella, and
compares every output bit for bit. Exit status: 0 nothing failed, 1 a row failed, 2 a wrong command
line or no daemon. A row whose package is not installed, or that fails natively already, fails
nothing."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compat.py", description=DESCRIPTION)
    parser.add_argument("--build", default="build/gpu",
                        help="a build folder, what scripts/stage_gpu_build.sh made of one, "
                        "or an installation's prefix (default: %(default)s)")
    parser.add_argument("--socket", help="of a running paellad, instead of one of our own")
    parser.add_argument("--driver",
                        help="the simulated GPU's libcuda.so.1, for a run without a GPU")
    parser.add_argument("--policy", default="fifo",
                        help="of our own paellad (default: %(default)s)")
    parser.add_argument("--only", metavar="PATTERN",
                        help="rows whose name has this in it, or matches it as a shell pattern")
    parser.add_argument("--jobs", type=int, default=1,
                        help="programs at once (default: %(default)s); "
                        "with 8 on 16 processor cores all is over in some minutes")
    parser.add_argument("--limit-s", type=float, default=3600,
                        help="for the whole run (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE",
                        help="file for what was found, written anew after each program")
    parser.add_argument("--table", metavar="FILE",
                        help="file for the table (default: examples/COMPATIBILITY.md, "
                        "unless --only chooses rows)")
    parser.add_argument("--logs", metavar="FOLDER",
                        help="folder for the logs of paellad and of each client")
    parser.add_argument("--list", action="store_true",
                        help="prints the rows and what they show, and ends")
    parser.add_argument("--render", nargs="+", metavar="FILE",
                        help="runs nothing: makes one table of such JSON files")
    arguments = parser.parse_args()
    if arguments.table is None and arguments.only is None:
        arguments.table = TABLE
    return arguments


class Progress:
    """The rows found so far: printed, and kept in the file of --json."""

    def __init__(self, arguments: argparse.Namespace, machine: Place, watch: Watch):
        self._arguments, self._machine, self._watch = arguments, machine, watch
        self._lock = threading.Lock()
        self._description = describe_machine(arguments.driver)
        self._rows: dict[str, Row] = {}

    def add(self, rows: list[Row]) -> None:
        with self._lock:
            for row in rows:
                self._rows[row.title] = row
                print(f"{row.outcome:14} {row.title} {document.short(row.note)}", flush=True)
            if self._arguments.json:
                document.write_json(self._arguments.json, self.content())

    def content(self) -> dict:
        command = command_line("scripts/compat.py", sys.argv[1:], WHERE_RESULTS_GO)
        return document.document(self._description, command, list(self._rows.values()),
                                 self._watch.samples, self._machine.unsupported_calls(),
                                 self._machine.executor_restarts())


def run_all(arguments: argparse.Namespace, machine: Place, folder: str) -> dict:
    machine.start_paellad()
    with Watch(machine) as watch:
        runner, progress = Runner(machine, watch, folder), Progress(arguments, machine, watch)
        programs = chosen(arguments.only)
        together = [entry for entry in programs if not entry[0].alone and arguments.jobs > 1]
        again = run_together(arguments.jobs, machine, runner, progress, together)
        for program, sections in [entry for entry in programs if entry not in together] + again:
            progress.add(runner.run(program, sections))
        return progress.content()


def run_together(jobs: int, machine: Place, runner: Runner, progress: Progress,
                 programs: list[tuple[Program, list[str]]]) -> list[tuple[Program, list[str]]]:
    """Returns those that failed natively, or while the executor ended: a neighbour's fault, perhaps.
    They are run again, alone."""
    again = []

    def run(entry: tuple[Program, list[str]]) -> None:
        before = machine.executor_restarts()
        rows = runner.run(*entry)
        restarted = machine.executor_restarts() != before
        failed = [row.name for row in rows
                  if row.outcome == FAILS_NATIVELY or (row.outcome == FAILED and restarted)]
        if failed:
            again.append((entry[0], failed))
        progress.add(rows)

    slowest_first = sorted(programs, key=lambda entry: -entry[0].timeout_s)
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            for done in [pool.submit(run, entry) for entry in slowest_first]:
                done.result()
        except BaseException:  # somebody stops us: the threads end with the programs they wait for
            pool.shutdown(wait=False, cancel_futures=True)
            machine.close()
            raise
    return again


def run(arguments: argparse.Namespace) -> dict:
    with tempfile.TemporaryDirectory(prefix="compat.") as folder:
        logs = os.path.abspath(arguments.logs or os.path.join(folder, "logs"))
        shutil.rmtree(logs, ignore_errors=True)
        os.makedirs(logs)
        machine = Place(arguments.build, arguments.driver, arguments.policy, folder, logs,
                        arguments.limit_s,
                        arguments.socket)
        try:
            return run_all(arguments, machine, folder)
        finally:
            machine.close()


def render(paths: list[str]) -> dict:
    documents = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            documents.append(json.load(file))
    return document.merged(documents)


def print_list(pattern: str | None) -> None:
    for program, sections in chosen(pattern):
        for name in sections:
            print(f"{program.family}/{name}: {program.rows()[name]}")


def main() -> int:
    arguments = parse_arguments()
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if arguments.list:
        print_list(arguments.only)
        return 0
    started = time.monotonic()
    try:
        content = render(arguments.render) if arguments.render else run(arguments)
    except CheckFailed as error:
        print(f"compat.py: {error}", file=sys.stderr)
        return 2
    if arguments.table:
        with open(arguments.table, "w", encoding="utf-8") as file:
            file.write(document.markdown(content))
    failed = document.count(content, FAILED)
    passed = document.count(content, "passed")
    print(f"{len(content['rows'])} rows, {passed} passed, {failed} failed, "
          f"in {time.monotonic() - started:.0f} s")
    return 1 if failed or not content["rows"] else 0
