#!/usr/bin/env python3
"""A process of PyTorch that serves a model, while beside it another one starts, loads its model,
answers ten requests and ends, again and again: natively time-sliced, and through Paella.

    scripts/experiments/start_beside.py --build build/gpu --json start.json --table start.md

The first serves ResNet-50 (served_model.py), Poisson arrivals fixed beforehand, once with nothing
beside it and once with the starts; a latency counts from the intended arrival. What starts is an
unmodified program, examples/torch_serve.py unless --starting says otherwise. Answers of both are
compared with native ones. Arrangements come in another order each round. Points are kept as they are
made: a run with the same --json goes on where the last one stopped. Exit status: 0, or 1 if an
arrangement could not be measured or what is there of --json is of other settings.
"""
import argparse
import contextlib
import json
import os
import shlex
import statistics
import sys
import tempfile

import serving
from arrangements import ALONE, PROJECT, TIME_SLICED, arranged
from experiment import Experiment, Points, add_arguments, at_least, check, show, take_rounds

from report import expect

STARTING = "examples/torch_serve.py --model densenet121 --precision half --requests 10 --rate 1000"
START_TIMEOUT_S = 120
LATENCY = "latency"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, arrangements=(TIME_SLICED, "fifo", "priority"), rounds=1, seconds=20)
    serving.add_arguments(parser)
    serving.add_latency_arguments(parser)
    parser.add_argument("--starting", default=STARTING, metavar="WORDS",
                        help="the Python program that starts again and again, and its arguments; its last "
                             "line is JSON with a fingerprint (default: %(default)s)")
    options = parser.parse_args()
    check(options)
    return options


class Starter:
    """Starts the program in an arrangement, as a new tenant each time."""

    def __init__(self, arrangement, starting):
        program, *arguments = shlex.split(starting)
        self._words = [sys.executable, os.path.join(PROJECT, program), *arguments]
        self._arrangement, self.count = arrangement, 0

    def run(self):
        """Once, to its end; returns the fingerprint that it prints and how long it took."""
        self.count += 1
        tenant = f"start-{self.count}"
        process = self._arrangement.start(self._words, tenant, "best-effort")
        expect(process.wait(START_TIMEOUT_S), "out of time: " + process.describe())
        expect(process.returncode == 0, process.describe())
        self._arrangement.expect_client(tenant)
        return json.loads(process.stdout.splitlines()[-1])["fingerprint"], process.seconds


class Beside(Experiment):
    @contextlib.contextmanager
    def started(self, name):
        if not self._points.reference:
            self._points.keep_reference(self._reference())
        with arranged(name, self._options, self._folder) as arrangement:
            latency = self._server(arrangement)
            serving.prepare([latency], self._points.reference["fingerprints"])
            yield latency, Starter(arrangement, self._options.starting)
            serving.end([latency])

    def measure(self, place, name, number):
        latency, starter = place
        seed = self._options.seed + number
        self._tell_to_serve(latency, seed)
        without = self._figures(latency)
        end = self._tell_to_serve(latency, seed)
        starts = self._start_until(end, starter)
        beside = self._figures(latency)
        self._points.add(beside | starts | {"p50_without_ms": without["p50_ms"],
                                            "p99_without_ms": without["p99_ms"]},
                         arrangement=name, round=number)

    def _server(self, arrangement):
        return serving.Server(arrangement, [self._options.server, self._options.model], LATENCY, LATENCY)

    def _reference(self):
        with arranged(ALONE, self._options, self._folder) as arrangement:
            latency = self._server(arrangement)
            answer = serving.prepare([latency])[LATENCY]
            serving.end([latency])
            started, _ = Starter(arrangement, self._options.starting).run()
        return {"versions": answer["versions"],
                "fingerprints": {LATENCY: answer["fingerprint"], "starting": started}}

    def _tell_to_serve(self, latency, seed):
        start, seconds = serving.now() + serving.LEAD_S, self._options.seconds
        latency.tell_to_serve(serving.poisson_arrivals(self._options.rate, seconds, seed), start,
                              start + seconds + self._options.grace_s)
        return start + seconds

    def _figures(self, latency):
        return serving.figures([latency.served()], self._options.seconds)

    def _start_until(self, end, starter):
        """One after the other; the last may begin shortly before `end`."""
        native, seconds = self._points.reference["fingerprints"]["starting"], []
        while serving.now() < end:
            fingerprint, taken = starter.run()
            expect(fingerprint == native, f"what started answers {fingerprint}, natively {native}")
            seconds.append(taken)
        return {"starts": len(seconds), "start_s": sum(seconds) / len(seconds)}


def table(points):
    lines = [*points.heading(),
             "| arrangement | rounds | p50 without, ms | p50 | p99 without, ms | p99 | p99 / without | given up | "
             "starts | s a start |", "|---|---|---|---|---|---|---|---|---|---|"]
    for name in points.arrangements():
        p50_without, p50, p99_without, p99, unserved, starts, start_s = (
            points.median(key, arrangement=name)
            for key in ("p50_without_ms", "p50_ms", "p99_without_ms", "p99_ms", "unserved", "starts",
                        "start_s"))
        sign = at_least(unserved)
        ratio = statistics.median(point["p99_ms"] / point["p99_without_ms"]
                                  for point in points.of(arrangement=name))
        lines.append(f"| {name} | {len(points.of(arrangement=name))} | {p50_without:.3f} | {sign}{p50:.3f} | "
                     f"{p99_without:.3f} | {sign}{p99:.3f} | {sign}{ratio:.2f} | "
                     f"{unserved:.0f} | {starts:.0f} | {start_s:.1f} |")
    return lines


def draw(points, pyplot):
    names = points.arrangements()
    for key, label in (("p99_without_ms", "nothing beside it"), ("p99_ms", "starts beside it")):
        pyplot.scatter(names, [points.median(key, arrangement=name) for name in names], label=label)
    pyplot.ylabel("p99, ms")
    pyplot.yscale("log")


def main() -> int:
    options = parse_arguments()
    points = Points(options, "start_beside.py", {
        key: getattr(options, key) for key in ("model", "rate", "starting", "seconds", "grace_s", "seed", "together")})
    with tempfile.TemporaryDirectory(prefix="start-") as folder:
        failures = take_rounds(options, options.arrangements, Beside(options, points, folder), options.together)
    if not points.arrangements():
        return 1
    show(options, table(points), lambda pyplot: draw(points, pyplot))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
