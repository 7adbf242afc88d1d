#!/usr/bin/env python3
"""Two ordinary processes of PyTorch: one that serves a model and wants to be quick, beside one that
keeps the GPU busy; natively time-sliced, under MPS, under MPS with priorities, and through Paella
under its policies.

    scripts/experiments/colocate_torch.py --build build/gpu --json pair.json --table pair.md

The first serves ResNet-50 (served_model.py), Poisson arrivals fixed beforehand; a latency counts from
the intended arrival. The other one runs a transformer's encoder (busy_transformer.py) from before the
first arrival to after the last answer. Answers of both are compared with native ones. The neighbour's
rate is set against what the first leaves of the GPU, R * (1 - lambda * S): R is its rate alone,
lambda the requests served per second, S the median GPU time of a request alone. Arrangements come in
another order each round. Points are kept as they are made: a run with the same --json goes on where
the last one stopped. Exit status: 0, or 1 if an arrangement could not be measured or what is there
of --json is of other settings.
"""
import argparse
import contextlib
import os
import statistics
import sys
import tempfile

import serving
from arrangements import ALONE, arranged
from experiment import (Experiment, Points, add_arguments, at_least, check, draw_trade_off, ratio_text, show,
                        take_rounds)

from report import expect

BUSY = os.path.join(serving.HERE, "busy_transformer.py")
LATENCY, NEIGHBOUR = "latency", "neighbour"
BEFORE_S = 1.5  # the neighbour works alone, before requests arrive


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, rounds=1, seconds=8)
    serving.add_arguments(parser)
    serving.add_latency_arguments(parser)
    parser.add_argument("--busy", default=BUSY, metavar="FILE",
                        help="the neighbour's Python program (default: busy_transformer.py)")
    options = parser.parse_args()
    check(options)
    return options


class Pair(Experiment):
    @contextlib.contextmanager
    def started(self, name):
        expect(name == ALONE or self._points.reference, "there are no native answers to compare with")
        with arranged(name, self._options, self._folder) as arrangement:
            latency = serving.Server(arrangement, [self._options.server, self._options.model], LATENCY,
                                     "latency")
            neighbour = serving.Program(arrangement, [self._options.busy], NEIGHBOUR, "best-effort")
            self._prepare(latency, neighbour)
            yield latency, neighbour
            serving.end([latency, neighbour])

    def measure(self, place, name, number):
        measure = self._alone if name == ALONE else self._beside
        self._points.add(measure(*place, self._options.seed + number), arrangement=name, round=number)

    def _prepare(self, *programs):
        """The first answers ever are the native ones that others have to be."""
        answers = serving.prepare(programs, self._points.reference.get("fingerprints"))
        if not self._points.reference:
            self._points.keep_reference({
                "versions": answers[LATENCY]["versions"],
                "fingerprints": {tenant: answer["fingerprint"] for tenant, answer in answers.items()}})

    def _alone(self, latency, neighbour, seed):
        gpu_ms = latency.ask("alone", timeout_s=serving.ALONE_TIMEOUT_S)["gpu_ms"]
        figures = self._serve(latency, seed, serving.now() + serving.LEAD_S)
        self._work(neighbour, serving.now() + BEFORE_S)
        return figures | {"gpu_ms": gpu_ms, "neighbour_per_s": self._rate_of(neighbour)}

    def _beside(self, latency, neighbour, seed):
        start = serving.now() + BEFORE_S
        self._work(neighbour, start)
        figures = self._serve(latency, seed, start)
        return figures | {"neighbour_per_s": self._rate_of(neighbour)}

    def _serve(self, latency, seed, start):
        seconds = self._options.seconds
        latency.tell_to_serve(serving.poisson_arrivals(self._options.rate, seconds, seed), start,
                              start + seconds + self._options.grace_s)
        return serving.figures([latency.served()], seconds)

    def _work(self, neighbour, start):
        """From now on, until the last request is answered or given up; counted while they arrive."""
        end = start + self._options.seconds
        neighbour.tell("work", start, end, end + self._options.grace_s)

    def _rate_of(self, neighbour):
        answer = neighbour.answer(self._options.seconds + self._options.grace_s + BEFORE_S
                                  + serving.ANSWER_TIMEOUT_S)
        neighbour.expect_native(answer["fingerprint"], self._points.reference["fingerprints"][NEIGHBOUR])
        return answer["done"] / self._options.seconds


def left_of(rate, gpu_ms, served_per_s):
    """R * (1 - lambda * S)."""
    return rate * (1 - served_per_s * gpu_ms / 1e3)


def what_is_left(points, name):
    """That, of medians; for the neighbour alone, R."""
    rate, gpu_ms = (points.median(key, arrangement=ALONE) for key in ("neighbour_per_s", "gpu_ms"))
    return left_of(rate, gpu_ms, 0 if name == ALONE else points.median("done_per_s", arrangement=name))


def part_of_what_is_left(points, name):
    """The neighbour's rate as a part of that, by the R and S of the same round; the median, None without any."""
    parts = [point["neighbour_per_s"] / left_of(alone["neighbour_per_s"], alone["gpu_ms"],
                                                0 if name == ALONE else point["done_per_s"])
             for point in points.of(arrangement=name)
             for alone in points.of(arrangement=ALONE, round=point["round"])]
    return statistics.median(parts) if parts else None


def table(points):
    gpu_ms = points.median("gpu_ms", arrangement=ALONE)
    lines = [*points.heading(), f"GPU time of a request alone (S): {gpu_ms:.3f} ms", "",
             "| arrangement | rounds | p50 ms | p99 ms | p99 / alone | given up | requests/s | neighbour/s | "
             "R (1 - lambda S) | neighbour / that |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for name in points.arrangements():
        p50, p99, unserved, done, neighbour = (
            points.median(key, arrangement=name)
            for key in ("p50_ms", "p99_ms", "unserved", "done_per_s", "neighbour_per_s"))
        sign = at_least(unserved)
        p99_ratio = points.ratio("p99_ms", ALONE, arrangement=name)
        lines.append(f"| {name} | {len(points.of(arrangement=name))} | {sign}{p50:.3f} | "
                     f"{sign}{p99:.3f} | {sign}{ratio_text(p99_ratio)} | {unserved:.0f} | {done:.0f} | "
                     f"{neighbour:.1f} | {what_is_left(points, name):.1f} | "
                     f"{ratio_text(part_of_what_is_left(points, name), 3)} |")
    return lines


def draw(points, pyplot):
    draw_trade_off(points, pyplot, lambda name: what_is_left(points, name), "what is left of the GPU")


def main() -> int:
    options = parse_arguments()
    points = Points(options, "colocate_torch.py",
                    {key: getattr(options, key)
                     for key in ("model", "rate", "seconds", "grace_s", "seed", "together")})
    with tempfile.TemporaryDirectory(prefix="colocate-") as folder:
        failures = take_rounds(options, [ALONE, *options.arrangements],
                               Pair(options, points, folder), options.together)
    if not points.has(arrangement=ALONE):
        return 1
    show(options, table(points), lambda pyplot: draw(points, pyplot))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
