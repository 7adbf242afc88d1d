"""The benchmarks, natively and through Paella, on the same machine within minutes.

Speed fails nothing here: the table is for people, who compare it with tests/benchmark/README.md.
"""
import os
import shutil
import sys

from machine import TESTS
from report import CheckFailed, CheckSkipped, expect

COMPARE = os.path.join(TESTS, "benchmark", "compare_benchmarks.py")
BENCHMARK_TIMEOUT_S = 180
COMPARE_TIMEOUT_S = 30


def benchmark(machine, report):
    machine.start_paellad()
    with report.check("the channel alone"):
        _run(machine, report, machine.native, "channel_benchmark", "channel", [])
    # The interpreter is slow, and its memory small.
    limits = ["--max-mib", "16", "--batches", "2", "--benchmark_min_time=0.01"] if machine.is_simulated else []
    files = {}
    for place, run in (("native", machine.native), ("paella", machine.paella)):
        with report.check(f"the driver's calls: {place}"):
            if machine.is_simulated and place == "native":
                raise CheckSkipped("the simulated GPU is no baseline")
            files[place] = _run(machine, report, run, "driver_benchmark", place, limits)
    with report.check("comparison"):
        if machine.is_simulated:
            raise CheckSkipped("the simulated GPU is no baseline")
        if len(files) < 2:
            raise CheckFailed("there are no two runs to compare")
        comparison = machine.start_native([sys.executable, COMPARE, files["native"], files["paella"]])
        expect(comparison.wait(machine.within_limit(COMPARE_TIMEOUT_S)), "out of time: " + comparison.describe())
        report.measure("table", comparison.stdout.splitlines())
        print(comparison.stdout, flush=True)
        expect(comparison.returncode == 0, comparison.describe(lines=100))


def _run(machine, report, run, program, name, limits):
    """The file of the benchmark's results, kept beside the group's JSON."""
    file = machine.file(name + ".json")
    output = ["--benchmark_out=" + file, "--benchmark_out_format=json"]
    finished = run([machine.program(program), *output, *limits], BENCHMARK_TIMEOUT_S)
    expect(finished.returncode == 0, finished.describe())
    kept = os.path.join(machine.results_folder, f"benchmark.{name}.json")
    shutil.copyfile(file, kept)
    report.measure(f"{name}.file", os.path.basename(kept))
    return file
