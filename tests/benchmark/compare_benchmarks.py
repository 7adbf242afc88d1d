#!/usr/bin/env python3
"""Runs driver_benchmark natively and through Paella, in turn, and says of each row whether it meets its target.

Needs Python 3 alone, and starts no daemon: what differs between the two ways is the environment that each is given.

    compare_benchmarks.py --benchmark ./driver_benchmark \\
        --paella LD_PRELOAD=/usr/lib/paella/libpaella.so --paella PAELLA_SOCKET=/run/paella/0.sock

Each pair runs both ways, one after the other, and the next pair in the other order, group by group of rows, so that
what else the machine does meanwhile falls on both. A pair gives one ratio; a row is judged by the median of its pairs.
Exit status: 0, 1 if a run failed or (with --strict) a target was missed.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MIN_PAIRS = 10  # fewer give an impression, and no verdict
SIMULATED_DEVICE = "Simulated GPU"  # its name, as tests/simulated_gpu gives it

# Rows that run in one process: short enough that the two ways of a group are measured within seconds of each other.
GROUPS = {
    "launch": "^(post_)?launch",
    "query": "^query/",
    "pinned": "^copy/.*pinned",
    "pageable": "^copy/.*pageable",
    "device": "^copy/device_to_device",
    "allocate": "^allocate/",
}


class Target:
    """`of` is "ours" (the figure itself is bounded) or "ratio" (ours to native, of pairs)."""

    def __init__(self, pattern, of, at_most=None, at_least=None):
        self.pattern, self.of, self.at_most, self.at_least = pattern, of, at_most, at_least

    def is_met(self, value):
        return value <= self.at_most if self.at_most is not None else value >= self.at_least

    def describe(self, unit):
        bound = f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"
        return f"{bound} {unit}" if self.of == "ours" else f"ratio {bound}"


TARGETS = [
    Target("^post_launch_12_parameters$", "ours", at_most=100),
    Target("^query/", "ours", at_most=10),
    Target("^launch_and_synchronise$", "ratio", at_most=1.1),
    Target("^launches_per_second/threads:1$", "ratio", at_least=0.9),
    Target("^copy/.*pageable", "ratio", at_least=1),
    Target("^copy/.*pinned", "ratio", at_least=0.98),
    Target("^allocate/(in_a_loop|keeping_8)/\\w+$", "ratio", at_most=1),
    Target("^idle_daemon$", "ours", at_most=1),
]


class Row:
    def __init__(self, name, unit):
        self.name, self.unit = name, unit
        self.native, self.ours, self.ratios = [], [], []
        self.device = None  # that both ways ran on

    def add_pair(self, native, ours):
        if native is not None:
            self.native.append(native)
        if ours is not None:
            self.ours.append(ours)
        if native and ours is not None:
            self.ratios.append(ours / native)

    @property
    def target(self):
        return next((target for target in TARGETS if re.search(target.pattern, self.name)), None)

    def verdict(self):
        """True, False, or None: there is no target, too little was measured, or a simulated GPU's durations were."""
        if self.target and self.target.of == "ratio" and self.device == SIMULATED_DEVICE:
            return None
        values = self.ours if self.target is None or self.target.of == "ours" else self.ratios
        enough = len(values) >= (1 if self.name == "idle_daemon" else MIN_PAIRS)
        return self.target.is_met(statistics.median(values)) if self.target and enough else None

    def summary(self):
        middle = lambda values: statistics.median(values) if values else None
        return {
            "name": self.name, "unit": self.unit, "native_median": middle(self.native),
            "ours_median": middle(self.ours), "ratio_median": middle(self.ratios),
            "target": self.target.describe(self.unit) if self.target else None,
            "met": self.verdict(), "native": self.native, "ours": self.ours, "ratios": self.ratios,
        }


def plain_name(name):
    """Google Benchmark appends how a row was run."""
    return re.sub(r"/(manual_time|iterations:\d+|real_time)(?=/|$)", "", name)


def figures_of(benchmark):
    """The rows that one of Google Benchmark's makes: (name, figure, unit)."""
    name = plain_name(benchmark["name"])
    yield name, *figure_of(benchmark)
    if name.startswith("allocate/"):  # the daemon may have to fetch memory for one in many: the median hides that
        yield f"{name} mean", benchmark["mean_ns"], "ns"


def figure_of(benchmark):
    if "GB_per_s" in benchmark:
        return benchmark["GB_per_s"], "GB/s"
    if "launches_per_s" in benchmark:
        return benchmark["launches_per_s"], "/s"
    return benchmark["median_ns"], "ns"


class Failures:
    def __init__(self):
        self.lines = []

    def add(self, line):
        self.lines.append(line)
        print(f"compare_benchmarks.py: {line}", file=sys.stderr)


def run(command, environment, what, options, failures):
    """One process's rows: name -> (figure, unit). What a failed run did not measure is not there."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.json"
        command = command + [f"--benchmark_out={out}", "--benchmark_out_format=json",
                             f"--benchmark_min_time={options.min_time}"]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace",
                                  timeout=options.timeout_s)
        except subprocess.TimeoutExpired:
            failures.add(f"{what}: killed after {options.timeout_s} s")
            return {}
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            failures.add(f"{what}: exit status {done.returncode}: {last}")
            return {}
        text = out.read_text() if out.exists() else ""
    if not text:
        return {}  # no row passed the filter
    document = json.loads(text)
    options.context.update({key: document["context"][key] for key in ("device", "driver_version")
                            if key in document["context"]})
    rows = {}
    for benchmark in document["benchmarks"]:
        if benchmark.get("error_occurred"):
            failures.add(f"{what}: {benchmark['name']}: {benchmark['error_message']}")
        else:
            rows.update((name, (figure, unit)) for name, figure, unit in figures_of(benchmark))
    return rows


def environment_with(settings):
    """This process's environment with `settings`, and without what would make the native way Paella's."""
    environment = {name: value for name, value in os.environ.items()
                   if name != "LD_PRELOAD" and not name.startswith("PAELLA_")}
    environment.update(setting.split("=", 1) for setting in settings)
    return environment


def measure_pairs(options, failures):
    ways = {"native": environment_with(options.native), "paella": environment_with(options.paella)}
    command = [str(options.benchmark)] + options.argument
    rows = {}
    for pair in range(options.pairs):
        order = list(ways) if pair % 2 == 0 else list(reversed(ways))
        for group in options.groups:
            found = {way: run(command + [f"--benchmark_filter={GROUPS[group]}"], ways[way],
                              f"pair {pair + 1}, {group}, {way}", options, failures) for way in order}
            for name in {**found["native"], **found["paella"]}:
                native, ours = (found[way].get(name, (None, "")) for way in ("native", "paella"))
                row = rows.setdefault(name, Row(name, native[1] or ours[1]))
                row.add_pair(native[0], ours[0])
        print(f"compare_benchmarks.py: pair {pair + 1} of {options.pairs} done", file=sys.stderr)
    for row in rows.values():
        row.device = options.context.get("device")
    return list(rows.values())


def measure_channel(options, failures):
    """The channel's rows have no native way; beside a conversation over the ring stands the same run's bare one."""
    command, environment, rows = [str(options.channel_benchmark)], environment_with([]), {}
    for pair in range(options.pairs):
        found = run(command, environment, f"channel, run {pair + 1}", options, failures)
        for name, (ours, unit) in found.items():
            if name.startswith("bare/"):
                continue
            bare = found.get(name.replace("ring/", "bare/"), (None, ""))[0] if name.startswith("ring/") else None
            rows.setdefault(name, Row(name, unit)).add_pair(bare, ours)
    return list(rows.values())


def descendants(pid):
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            pids += descendants(int(child))
    return pids


def cpu_ticks(pids):
    """User and system time of the processes."""
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks


def measure_idle(options):
    """Per cent of one core that the daemon's processes use while nobody asks anything of them."""
    pids = sorted({pid for first in options.idle_pids for pid in descendants(first)})
    before, start = cpu_ticks(pids), time.monotonic()
    time.sleep(options.idle_seconds)
    seconds = (cpu_ticks(pids) - before) / os.sysconf("SC_CLK_TCK")
    row = Row("idle_daemon", "% of a core")
    row.add_pair(None, 100 * seconds / (time.monotonic() - start))
    return row


def describe_machine(options):
    cpu = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    machine = {"processor": cpu, "cores": os.cpu_count(), "kernel": platform.release(), **options.context,
               "load_average": os.getloadavg()[0],
               "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}
    if options.context.get("device") != SIMULATED_DEVICE and shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        machine["gpu_driver"] = subprocess.run(query, capture_output=True, text=True).stdout.strip().split("\n")[0]
    return machine


def in_words(value):
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(rows):
    yield "| row | unit | native | ours | ratio (quartiles) | target | met |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        summary = row.summary()
        ratio = in_words(summary["ratio_median"])
        if len(row.ratios) >= 2:
            low, _, high = statistics.quantiles(row.ratios, n=4, method="inclusive")
            ratio += f" ({low:.2f}-{high:.2f})"
        met = {True: "yes", False: "**no**", None: "-"}[summary["met"]]
        cells = [row.name, row.unit, in_words(summary["native_median"]), in_words(summary["ours_median"]), ratio,
                 summary["target"] or "-", met]
        yield "| " + " | ".join(cells) + " |"


def report(rows, options, failures):
    machine = describe_machine(options)
    command = " ".join(sys.argv)
    lines = [", ".join(f"{key}: {value}" for key, value in machine.items()), "", f"    {command}", "",
             f"Medians of {options.pairs} alternating pairs.", "", *table(rows)]
    lines += ["", "Failed runs:", ""] + [f"- {line}" for line in failures.lines] if failures.lines else []
    print("\n".join(lines))
    if options.table:
        options.table.write_text("\n".join(lines) + "\n")
    if options.json:
        document = {"machine": machine, "command": command, "pairs": options.pairs, "failures": failures.lines,
                    "rows": [row.summary() for row in rows]}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


def setting(text):
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return text


def groups(text):
    chosen = text.split(",")
    unknown = [group for group in chosen if group not in GROUPS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    return chosen


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", type=pathlib.Path, help="the program driver_benchmark")
    parser.add_argument("--native", action="append", default=[], type=setting, metavar="NAME=VALUE",
                        help="environment of the native runs, repeatable; LD_PRELOAD and PAELLA_* are not inherited")
    parser.add_argument("--paella", action="append", default=[], type=setting, metavar="NAME=VALUE",
                        help="environment of the runs through Paella: at least LD_PRELOAD and PAELLA_SOCKET")
    parser.add_argument("--argument", action="append", default=[],
                        help="for driver_benchmark, repeatable: --argument=--max-mib=64")
    parser.add_argument("--channel-benchmark", type=pathlib.Path,
                        help="the program channel_benchmark, to run it as often")
    parser.add_argument("--pairs", type=int, default=MIN_PAIRS)
    parser.add_argument("--groups", type=groups, default=list(GROUPS), help=f"of {','.join(GROUPS)}; all")
    parser.add_argument("--min-time", type=float, default=0.05, help="seconds a row, where its length is free")
    parser.add_argument("--timeout-s", type=float, default=120, help="of one process")
    parser.add_argument("--idle-pids", type=lambda text: [int(pid) for pid in text.split(",")], default=[],
                        help="the daemon's processes and, implied, their children; measured first, with no client")
    parser.add_argument("--idle-seconds", type=float, default=10)
    parser.add_argument("--table", type=pathlib.Path, help="file for the printed table")
    parser.add_argument("--json", type=pathlib.Path, help="file for every figure of every pair")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args()
    if not (options.benchmark or options.channel_benchmark or options.idle_pids):
        parser.error("nothing to do: give --benchmark, --channel-benchmark or --idle-pids")
    if options.benchmark and not options.paella:
        parser.error("--benchmark needs --paella: the environment that makes a run Paella's")
    for name in ("benchmark", "channel_benchmark"):
        if getattr(options, name):
            setattr(options, name, getattr(options, name).resolve())
    options.context = {}
    return options


def main():
    options = parse_arguments()
    failures = Failures()
    rows = [measure_idle(options)] if options.idle_pids else []
    rows += measure_pairs(options, failures) if options.benchmark else []
    rows += measure_channel(options, failures) if options.channel_benchmark else []
    report(rows, options, failures)
    missed = options.strict and any(row.verdict() is False for row in rows)
    sys.exit(1 if failures.lines or missed else 0)


if __name__ == "__main__":
    main()
