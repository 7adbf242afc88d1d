#!/usr/bin/env python3
"""Measures PyTorch, JAX, CuPy and Triton natively and through Paella, in turn, against the
project's targets.

    compare_frameworks.py --build build/gpu --json speed.json --table speed.md

Needs a GPU, the frameworks, and a build as scripts/compat.py does. One process natively and one
through Paella live as long as a framework's rows, and are asked in turn, in changing order, for
rounds of requests: a pair gives one ratio, and a row is judged by the median of its pairs. Exit
status: 0, 1 if a row could not be measured or (with --strict) missed its target, 2 if there is no
daemon.
"""
import argparse
import fnmatch
import json
import os
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GPU_CHECK = os.path.join(os.path.dirname(HERE), "gpu", "gpu_check")
sys.path[0:1] = [os.path.join(HERE, "frameworks"), GPU_CHECK]

from asked import Worker, seconds_to_first_result  # noqa: E402
from machine import command_line, describe_machine, gpu_memory_used_mib  # noqa: E402
from place import Place  # noqa: E402
from ratios import Row, document, table  # noqa: E402
from report import CheckFailed  # noqa: E402

# module: rows of (workload, what it is, most that the ratio may be)
WORKLOADS = {
    "workloads_torch": [
        ("resnet50_eager", "ResNet-50, half precision, batch 1, eager", 0.70),
        ("resnet50_graph", "the same as a CUDA graph", 1.02),
        ("resnet50_compiled", "the same by torch.compile", 1.02),
        ("gpt2_generate", "GPT-2 small, 32 new tokens, eager", 0.75),
        ("gemm_training_step", "training step of three layers of 8192 by 8192", 1.01),
    ],
    "workloads_triton": [("triton_loop", "a vector sum and a synchronisation", 1.02)],
    "workloads_jax": [("jax_loop", "a jitted product, tanh and sum, read back", 1.02)],
    "workloads_cupy": [("cupy_loop", "a product, a raw kernel and a sum, read back", 1.02)],
}
WHERE_RESULTS_GO = ("--json", "--table", "--logs")
START = "start_to_first_result"
MEMORY = {"memory_of_idle_tenants": ("idle_tensor", ""),
          "memory_of_idle_tenants_with_cublas": ("idle_product", ", all with cuBLAS")}
TENANTS = 8
MODEL = ("workloads_torch", "resnet50_eager")  # of the second tenant


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/gpu",
                        help="as scripts/compat.py has it (default: %(default)s)")
    parser.add_argument("--policy", default="fifo", help="paellad's (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=10, help="of rounds (default: %(default)s)")
    parser.add_argument("--round-s", type=float, default=0.4,
                        help="length of a round (default: %(default)s)")
    parser.add_argument("--start-pairs", type=int, default=5,
                        help="of process starts (default: %(default)s)")
    parser.add_argument("--only", metavar="PATTERN", default="*",
                        help="rows by name, a shell pattern")
    parser.add_argument("--limit-s", type=float, default=1800,
                        help="for everything (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE",
                        help="file for every figure, written anew after each row")
    parser.add_argument("--table", metavar="FILE", help="file for the printed table")
    parser.add_argument("--logs", metavar="FOLDER",
                        help="folder for the logs of paellad and of each client")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    return parser.parse_args()


class Figures:
    """The rows so far, kept in the file of --json."""

    def __init__(self, options: argparse.Namespace):
        self._options = options
        self._machine = describe_machine(None)
        self._command = command_line("tests/benchmark/compare_frameworks.py", sys.argv[1:],
                                     WHERE_RESULTS_GO)
        self.rows: list[Row] = []
        self.failures = 0

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.failures += bool(row.note)
        print(table([row.summary()])[-1], flush=True)
        if self._options.json:
            with open(self._options.json, "w", encoding="utf-8") as file:
                json.dump({"machine": self._machine, "command": self._command,
                           "rows": [row.summary() for row in self.rows]}, file, indent=1)

    def markdown(self) -> str:
        return document(self._machine, self._command, [row.summary() for row in self.rows])


class Measurement:
    def __init__(self, options: argparse.Namespace, machine: Place, figures: Figures, folder: str):
        self._options, self._machine = options, machine
        self._figures, self._folder = figures, folder
        self._tenants = 0
        self._empty_mib: float | None = None  # used before the daemon starts

    def run(self) -> None:
        for name in filter(self._wants, MEMORY):  # first: nothing else is on the GPU
            self._figures.add(self._memory(name, *MEMORY[name]))
        self._machine.start_paellad_once()
        for module, workloads in WORKLOADS.items():
            chosen = [workload for workload in workloads if self._wants(workload[0])]
            self._measure_module(module, chosen)
        if self._wants(START):
            self._figures.add(self._start())

    def _wants(self, name: str) -> bool:
        return fnmatch.fnmatchcase(name, self._options.only)

    def _worker(self, module: str, through_paella: bool) -> Worker:
        return Worker(self._machine, module, self._tenant() if through_paella else None,
                      self._folder)

    def _tenant(self) -> str:
        self._tenants += 1
        return f"speed-{self._tenants}"

    def _measure_module(self, module: str, workloads: list[tuple[str, str, float]]) -> None:
        workers: list[Worker] = []
        for name, what, at_most in workloads:
            row = Row(name, what, "ms", at_most)
            try:
                workers = workers or [self._worker(module, through_paella)
                                      for through_paella in (False, True)]
                self._measure(row, *workers)
            except CheckFailed as error:
                row.note = str(error)
                _end(workers)  # the next workload gets new ones
                workers = []
            self._figures.add(row)
        _end(workers)

    def _measure(self, row: Row, native: Worker, paella: Worker) -> None:
        for worker in (native, paella):
            worker.prepare(row.name)
        for pair in range(self._options.pairs):
            order = (native, paella) if pair % 2 == 0 else (paella, native)
            found = {worker: worker.round_ms(row.name, self._options.round_s) for worker in order}
            row.pairs.append((found[native], found[paella]))

    def _start(self) -> Row:
        """Of a process, while another one of the same model is there."""
        row = Row(START, "process start to first results, second tenant of ResNet-50", "s", 0.8)
        first = []
        try:
            first = [self._worker(MODEL[0], through_paella) for through_paella in (False, True)]
            for worker in first:
                worker.prepare(MODEL[1])
            for pair in range(self._options.start_pairs):
                found = {place: seconds_to_first_result(self._machine,
                                                        self._tenant() if place else None, *MODEL,
                                                        self._folder)
                         for place in ((False, True) if pair % 2 == 0 else (True, False))}
                row.pairs.append((found[False], found[True]))
        except CheckFailed as error:
            row.note = str(error)
        _end(first)
        return row

    def _memory(self, name: str, workload: str, detail: str) -> Row:
        """GPU memory beyond what the tenants' allocators asked for: of one native process, and
        of all tenants with the executor's context. One pair."""
        row = Row(name,
                  f"GPU memory of {TENANTS} idle PyTorch tenants beyond their tensors{detail}, "
                  "native: of one process",
                  "MiB", 1.2, least_pairs=1)
        try:
            native = self._held_beyond_tensors(workload, 1, False)
            row.pairs.append((native, self._held_beyond_tensors(workload, TENANTS, True)))
        except CheckFailed as error:
            row.note = str(error)
        return row

    def _held_beyond_tensors(self, workload: str, count: int, through_paella: bool) -> float:
        """What these tenants made the GPU hold; through Paella with the executor."""
        if self._empty_mib is None:
            self._empty_mib = gpu_memory_used_mib()
        before = self._empty_mib if through_paella else gpu_memory_used_mib()
        workers: list[Worker] = []
        if through_paella:
            self._machine.start_paellad_once()
        try:
            for _ in range(count):
                workers.append(self._worker("workloads_torch", through_paella))
            tensors = 0
            for worker in workers:
                worker.prepare(workload)
                tensors += worker.ask("memory", 30)["reserved_mib"]
            return gpu_memory_used_mib() - before - tensors
        finally:
            _end(workers)


def _end(workers: list[Worker]) -> None:
    for worker in workers:
        worker.end()


def measure(options: argparse.Namespace) -> Figures:
    figures = Figures(options)
    with tempfile.TemporaryDirectory(prefix="speed.") as folder:
        logs = os.path.abspath(options.logs or os.path.join(folder, "logs"))
        os.makedirs(logs, exist_ok=True)
        machine = Place(options.build, None, options.policy, folder, logs, options.limit_s)
        try:
            Measurement(options, machine, figures, folder).run()
        finally:
            machine.close()
    return figures


def main() -> int:
    options = parse_arguments()
    # So that what was started is ended
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        figures = measure(options)
    except CheckFailed as error:
        print(f"compare_frameworks.py: {error}", file=sys.stderr)
        return 2
    print("\n" + figures.markdown())
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(figures.markdown())
    missed = options.strict and any(row.summary()["met"] is False for row in figures.rows)
    return 1 if figures.failures or missed else 0


if __name__ == "__main__":
    sys.exit(main())
