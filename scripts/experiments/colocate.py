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
import json
import shlex
import signal
import statistics
import sys
import tempfile
import time

from arrangements import ALONE, arranged
from experiment import (Experiment, Points, add_arguments, at_least, check, draw_trade_off, ratio_text, show,
                        take_rounds)

from report import expect

LATENCY = "--microseconds 10 --blocks 33 --burst 20 --period-ms 2"
# 20 waves of 16 blocks on each of an H100's 132 SMs: blocks of 50 us.
NEIGHBOUR = "--microseconds 1000 --blocks 42240 --streams 2 --depth 4"
START_S = 3  # until the neighbour works: a context, and memory


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--latency", default=LATENCY,
                        help="options of the quick one (default: %(default)s)")
    parser.add_argument("--neighbour", default=NEIGHBOUR,
                        help="options of the busy one (default: %(default)s)")
    options = parser.parse_args()
    check(options)
    return options


class Bench(Experiment):
    def _busy(self, place, what, seconds):
        """The program's command line; what its kernels do is measured once for all points, on an idle
        GPU."""
        words = shlex.split(getattr(self._options, what))
        if what not in self._points.reference:
            probe = place.native([place.program("busy"), *words, "--kernels", "20", "--json", "-"])
            iterations = _figures(probe)["iterations"]
            self._points.keep_reference(self._points.reference | {what: iterations})
            print(f"{what}: {words} is {iterations} iterations", file=sys.stderr)
        if "--microseconds" in words:
            at = words.index("--microseconds")
            words[at:at + 2] = ["--iterations", str(self._points.reference[what])]
        return [place.program("busy"), *words, "--seconds", str(seconds), "--json", "-"]

    def started(self, name):
        return arranged(name, self._options, self._folder)  # the programs themselves are started for each point

    def measure(self, place, name, number):
        point = self._alone(place.place) if name == ALONE else self._beside(place)
        self._points.add(point, arrangement=name, round=number)

    def _alone(self, place):
        latency, neighbour = (place.native(self._busy(place, what, self._options.seconds),
                                           self._options.seconds + 60)
                              for what in ("latency", "neighbour"))
        return _point(_figures(latency), _figures(neighbour))

    def _beside(self, arrangement):
        seconds = self._options.seconds
        commands = {what: self._busy(arrangement.place, what, at_most)
                    for what, at_most in (("latency", seconds), ("neighbour", 1000))}
        neighbour = arrangement.start(commands["neighbour"], "neighbour", "best-effort")
        time.sleep(START_S)
        expect(neighbour.returncode is None, "the neighbour ended: " + neighbour.describe())
        latency = arrangement.start(commands["latency"], "latency", "latency")
        expect(latency.wait(seconds * 10 + 60), "out of time: " + latency.describe())
        neighbour.send(signal.SIGTERM)
        expect(neighbour.wait(60), "the neighbour does not end: " + neighbour.describe())
        for tenant in ("latency", "neighbour"):
            arrangement.expect_client(tenant)
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
    return {"p50_ms": latency["p50_ms"], "p99_ms": latency["p99_ms"], "given_up": latency["given_up"],
            "requests_per_s": (latency["requests"] - latency["given_up"]) / latency["seconds"],
            "neighbour_per_s": rate}


def table(points):
    lines = [*points.heading(),
             "| arrangement | rounds | p50 ms | p99 ms | p99 / alone | given up | requests/s | neighbour/s | "
             "of alone |",
             "|---|---|---|---|---|---|---|---|---|"]
    for name in points.arrangements():
        p50, p99, given_up, requests, neighbour = (
            points.median(key, arrangement=name)
            for key in ("p50_ms", "p99_ms", "given_up", "requests_per_s", "neighbour_per_s"))
        least = at_least(given_up)
        p99_ratio, left = (points.ratio(key, ALONE, arrangement=name) for key in ("p99_ms", "neighbour_per_s"))
        lines.append(f"| {name} | {len(points.of(arrangement=name))} | {least}{p50:.3f} | {least}{p99:.3f} | "
                     f"{least}{ratio_text(p99_ratio)} | {given_up:.0f} | {requests:.0f} | {neighbour:.0f} | "
                     f"{ratio_text(left, 3)} |")
    return lines


def draw(points, pyplot):
    rate = points.median("neighbour_per_s", arrangement=ALONE)
    draw_trade_off(points, pyplot, lambda _: rate, "alone")


def main() -> int:
    options = parse_arguments()
    points = Points(options, "colocate.py", {"latency": options.latency, "neighbour": options.neighbour,
                                             "seconds": options.seconds})
    with tempfile.TemporaryDirectory(prefix="colocate-") as folder:
        failures = take_rounds(options, [ALONE, *options.arrangements], Bench(options, points, folder))
    if not points.has(arrangement=ALONE):
        return 1
    show(options, table(points), lambda pyplot: draw(points, pyplot))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
