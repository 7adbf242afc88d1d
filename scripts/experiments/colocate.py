#!/usr/bin/env python3
"""A program that wants to be quick beside one that keeps the GPU busy: natively time-sliced, under
MPS, under MPS with priorities, and through Paella under its policies.

    scripts/experiments/colocate.py --build build/gpu --json colocate.json --table colocate.md

Both are examples/busy: requests of 20 kernels of 10 us on a quarter of the SMs every 2 ms, and
kernels of about 1 ms in blocks of 50 us without a pause (--latency and --neighbour say otherwise).
What the kernels do is calibrated once, natively, so all arrangements do the same work; every result
is checked. Arrangements come in turn, in another order each round. Points are kept as they are made:
a run with the same --json goes on where the last one stopped. Exit status: 0, or 1 if an
arrangement could not be measured or what is there of --json is of other settings.
"""
import argparse
import importlib.util
import json
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GPU_TESTS = os.path.join(PROJECT, "tests", "gpu")
sys.path.insert(0, os.path.join(GPU_TESTS, "gpu_check"))

from machine import command_line, describe_machine  # noqa: E402
from place import Place  # noqa: E402
from report import CheckFailed, expect  # noqa: E402

LATENCY = "--microseconds 10 --blocks 33 --burst 20 --period-ms 2"
# 20 waves of 16 blocks on each of an H100's 132 SMs: blocks of 50 us.
NEIGHBOUR = "--microseconds 1000 --blocks 42240 --streams 2 --depth 4"
NATIVE = ("time-sliced", "mps", "mps-priority")
POLICIES = ("fifo", "srpt", "paella", "priority")
ALONE = "alone"
START_S = 3  # until the neighbour works: a context, and memory
WHERE_RESULTS_GO = ("--json", "--table", "--plot", "--logs")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/gpu",
                        help="build folder, staged build or prefix (default: %(default)s)")
    parser.add_argument("--driver", help="libcuda.so.1 of the simulated GPU, to try this script out")
    parser.add_argument("--arrangements", nargs="+", default=[*NATIVE, *POLICIES],
                        help="of %(default)s; any policy with its settings, in quotes")
    parser.add_argument("--latency", default=LATENCY,
                        help="options of the quick one (default: %(default)s)")
    parser.add_argument("--neighbour", default=NEIGHBOUR,
                        help="options of the busy one (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=5,
                        help="of requests in each round (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="file for every point; continued if it exists")
    parser.add_argument("--table", metavar="FILE", help="file for the printed table")
    parser.add_argument("--plot", metavar="FILE", help="file for a plot (needs matplotlib)")
    parser.add_argument("--logs", metavar="FOLDER", help="folder for the logs of paellad and clients")
    return parser.parse_args()


class Points:
    """What was measured so far, kept in the file of --json after each point."""

    def __init__(self, options):
        self._file = options.json
        self._document = {
            "machine": describe_machine(options.driver),
            "command": command_line("colocate.py", sys.argv[1:], WHERE_RESULTS_GO),
            "settings": {"latency": options.latency, "neighbour": options.neighbour,
                         "seconds": options.seconds},
            "points": [],
        }
        if self._file and os.path.exists(self._file):
            with open(self._file, encoding="utf-8") as file:
                earlier = json.load(file)
            if earlier["settings"] != self._document["settings"]:
                sys.exit(f"{self._file} has points of other settings: {earlier['settings']}")
            self._document["points"] = earlier["points"]

    def has(self, arrangement, number):
        return any(point["arrangement"] == arrangement and point["round"] == number
                   for point in self._document["points"])

    def add(self, arrangement, number, figures):
        self._document["points"].append({"arrangement": arrangement, "round": number, **figures})
        if self._file:
            with open(self._file + ".new", "w", encoding="utf-8") as file:
                json.dump(self._document, file, indent=1)
            os.replace(self._file + ".new", self._file)

    def of(self, arrangement):
        return [point for point in self._document["points"] if point["arrangement"] == arrangement]

    def arrangements(self):
        return list(dict.fromkeys(point["arrangement"] for point in self._document["points"]))

    @property
    def machine(self):
        return self._document["machine"]

    @property
    def command(self):
        return self._document["command"]


class Mps:
    """NVIDIA's daemon as a process of this user, with folders of its own; ended in any case."""

    def __init__(self, folder):
        self.settings = {"CUDA_MPS_PIPE_DIRECTORY": os.path.join(folder, "mps"),
                         "CUDA_MPS_LOG_DIRECTORY": os.path.join(folder, "mps-log")}

    def __enter__(self):
        for name in self.settings.values():
            os.makedirs(name, exist_ok=True)
        expect(shutil.which("nvidia-cuda-mps-control") is not None, "there is no MPS here")
        self._control("-d")
        return self.settings

    def __exit__(self, *_):
        self._control(said="quit\n")

    def _control(self, *arguments, said=None):
        subprocess.run(["nvidia-cuda-mps-control", *arguments], input=said, text=True, timeout=60,
                       check=True, env=os.environ | self.settings, stdout=subprocess.DEVNULL)


class Bench:
    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._logs = options.logs or os.path.join(folder, "logs")
        os.makedirs(self._logs, exist_ok=True)
        self._iterations = {}

    def _place(self, policy):
        folder = tempfile.mkdtemp(dir=self._folder)
        return Place(self._options.build, self._options.driver, policy, folder, self._logs, 1e6)

    def _busy(self, place, what, seconds):
        """The program's command line; what its kernels do is measured once, on an idle GPU."""
        words = shlex.split(getattr(self._options, what))
        if what not in self._iterations:
            self._iterations[what] = None
            probe = place.native([place.program("busy"), *words, "--kernels", "20", "--json", "-"])
            self._iterations[what] = _figures(probe)["iterations"]
            print(f"{what}: {words} is {self._iterations[what]} iterations", file=sys.stderr)
        if "--microseconds" in words:
            at = words.index("--microseconds")
            words[at:at + 2] = ["--iterations", str(self._iterations[what])]
        return [place.program("busy"), *words, "--seconds", str(seconds), "--json", "-"]

    def measure(self, arrangement):
        policy = arrangement if arrangement not in (*NATIVE, ALONE) else "fifo"
        place = self._place(policy)
        try:
            if arrangement == ALONE:
                return self._alone(place)
            if arrangement == "time-sliced":
                return self._beside(place, place.start_native, {}, {})
            if arrangement in NATIVE:
                behind = {"CUDA_MPS_CLIENT_PRIORITY": "1"} if arrangement == "mps-priority" else {}
                with Mps(self._folder) as settings:
                    return self._beside(place, place.start_native, settings, settings | behind)
            place.start_paellad()
            return self._beside(place, lambda words, settings: place.start_paella(words, None, settings),
                                {"PAELLA_CLASS": "latency"}, {"PAELLA_CLASS": "best-effort"})
        finally:
            place.close()

    def _alone(self, place):
        latency = place.native(self._busy(place, "latency", self._options.seconds),
                               self._options.seconds + 60)
        neighbour = place.native(self._busy(place, "neighbour", self._options.seconds),
                                 self._options.seconds + 60)
        return _point(_figures(latency), _figures(neighbour))

    def _beside(self, place, start, latency_settings, neighbour_settings):
        seconds = self._options.seconds
        commands = {what: self._busy(place, what, at_most)
                    for what, at_most in (("latency", seconds), ("neighbour", 1000))}
        neighbour = start(commands["neighbour"], neighbour_settings)
        time.sleep(START_S)
        expect(neighbour.returncode is None, "the neighbour ended: " + neighbour.describe())
        latency = start(commands["latency"], latency_settings)
        expect(latency.wait(seconds * 10 + 60), "out of time: " + latency.describe())
        neighbour.send(signal.SIGTERM)
        expect(neighbour.wait(60), "the neighbour does not end: " + neighbour.describe())
        return _point(_figures(latency), _figures(neighbour))


def _figures(process):
    expect(process.returncode == 0, process.describe())
    return json.loads(process.stdout.splitlines()[-1])


def _point(latency, neighbour):
    """The neighbour's rate while the requests came, by its half seconds."""
    begin, end = latency["began_s"], latency["began_s"] + latency["seconds"]
    counts = [count for i, count in enumerate(neighbour["each_half_second"])
              if neighbour["began_s"] + i / 2 >= begin and neighbour["began_s"] + (i + 1) / 2 <= end]
    rate = 2 * statistics.mean(counts) if counts else neighbour["kernels_per_second"]
    return {"p50_ms": latency["p50_ms"], "p99_ms": latency["p99_ms"],
            "requests_per_s": latency["requests"] / latency["seconds"], "neighbour_per_s": rate}


def table(points):
    def median(arrangement, key):
        return statistics.median(point[key] for point in points.of(arrangement))

    lines = [f"{points.machine}; `{points.command}`", "",
             "| arrangement | rounds | p50 ms | p99 ms | p99 / alone | requests/s | neighbour/s | of alone |",
             "|---|---|---|---|---|---|---|---|"]
    for name in points.arrangements():
        alone = {key: median(ALONE, key) for key in ("p99_ms", "neighbour_per_s")}
        lines.append(f"| {name} | {len(points.of(name))} | {median(name, 'p50_ms'):.3f} | "
                     f"{median(name, 'p99_ms'):.3f} | {median(name, 'p99_ms') / alone['p99_ms']:.2f} | "
                     f"{median(name, 'requests_per_s'):.0f} | {median(name, 'neighbour_per_s'):.0f} | "
                     f"{median(name, 'neighbour_per_s') / alone['neighbour_per_s']:.2f} |")
    return "\n".join(lines) + "\n"


def plot(points, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    alone = points.of(ALONE)
    p99 = statistics.median(point["p99_ms"] for point in alone)
    rate = statistics.median(point["neighbour_per_s"] for point in alone)
    for name in points.arrangements():
        here = points.of(name)
        pyplot.scatter([point["neighbour_per_s"] / rate for point in here],
                       [point["p99_ms"] / p99 for point in here], label=name)
    pyplot.xlabel("neighbour's throughput / alone")
    pyplot.ylabel("p99 / alone")
    pyplot.yscale("log")
    pyplot.legend()
    pyplot.savefig(path)


def main() -> int:
    options = parse_arguments()
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        sys.exit("--plot needs matplotlib (Debian's python3-matplotlib)")
    if options.driver and set(options.arrangements) & set(NATIVE):
        sys.exit("natively each program has a simulated GPU of its own: choose other --arrangements")
    points = Points(options)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="colocate-") as folder:
        bench = Bench(options, folder)
        for number in range(options.rounds):
            names = [ALONE, *options.arrangements]
            for name in names[number % len(names):] + names[:number % len(names)]:
                if points.has(name, number):
                    continue
                try:
                    points.add(name, number, bench.measure(name))
                except (CheckFailed, subprocess.SubprocessError) as error:
                    print(f"{name}: {error}", file=sys.stderr)
                    failures += 1
    if not points.of(ALONE):
        return 1
    print(table(points), end="")
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(table(points))
    if options.plot:
        plot(points, options.plot)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
