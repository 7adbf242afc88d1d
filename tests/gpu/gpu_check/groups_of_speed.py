"""The benchmarks, natively and through Paella in turn, by tests/benchmark/compare_benchmarks.py.

Speed fails nothing here: the table is for people, who compare it with tests/benchmark/README.md.
"""
import os
import sys

from machine import TESTS
from report import expect

COMPARE = os.path.join(TESTS, "benchmark", "compare_benchmarks.py")
COMPARE_TIMEOUT_S = 420
SIMULATED = ["--pairs", "1", "--min-time", "0.001", "--argument=--max-mib=2", "--argument=--batches=2"]
REAL = ["--pairs", "10"]


def benchmark(machine, report):
    machine.start_paellad()
    with report.check("the comparison runs"):
        table, figures = (os.path.join(machine.results_folder, "benchmark." + kind) for kind in ("table.txt", "figures.json"))
        arguments = [sys.executable, COMPARE, "--benchmark", machine.program("driver_benchmark"),
                     "--channel-benchmark", machine.program("channel_benchmark"),
                     "--idle-pids", str(machine.daemon_pid()), "--table", table, "--json", figures]
        arguments += _settings("--native", machine.native_settings()) + _settings("--paella", machine.paella_settings())
        run = machine.native(arguments + (SIMULATED if machine.is_simulated else REAL), COMPARE_TIMEOUT_S)
        print(run.stdout, flush=True)
        expect(run.returncode == 0, run.describe(lines=100))
        machine.expect_client("driver_benchmark")
        report.measure("table", run.stdout.splitlines())


def _settings(option, settings):
    return [word for name, value in settings.items() for word in (option, f"{name}={value}")]
