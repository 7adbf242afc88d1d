#!/usr/bin/env python3
"""The Paella paper's mix of eight models, each an ordinary process of PyTorch: natively time-sliced,
under MPS, and through Paella under its policies.

    scripts/experiments/mix.py --build build/gpu --json mix.json --table mix.md --plot mix.svg

Half precision, batch 1, a CUDA graph each (served_model.py). Requests come at several rates, in one
lognormal stream that is fixed beforehand and the same for every arrangement of a round; a latency
counts from the intended arrival. Each answer is compared with those of a native process that has the
GPU for itself. An arrangement's processes are started once a round and asked for one rate after the
other; arrangements come in another order each round. Points are kept as they are made: a run with
the same --json goes on where the last one stopped. Exit status: 0, or 1 if an arrangement could not
be measured or what is there of --json is of other settings.
"""
import argparse
import contextlib
import math
import sys
import tempfile

import serving
from arrangements import ALONE, MPS, POLICIES, TIME_SLICED, arranged
from experiment import (Experiment, Points, add_arguments, at_least, check, positive, ratio_text, show,
                        take_rounds)

# As in the paper's artifact, for its figure 11.
SHARES = {"mobilenet_v2": 0.257, "densenet121": 0.0706, "googlenet": 0.0546, "inception_v3": 0.0138,
          "resnet18": 0.272, "resnet34": 0.168, "resnet50": 0.0745, "squeezenet1_1": 0.0895}
SIGMA = 2
RATES = (400, 1000, 2000)
BOUND_MS = 20
WARM_UP_S = 1  # unmeasured, at the first rate: policies learn how long the models take
FIGURES = ("done_per_s", "mean_ms", "p50_ms", "p99_ms")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, arrangements=(TIME_SLICED, MPS, *POLICIES), rounds=1, seconds=6)
    parser.add_argument("--rates", nargs="+", type=positive(float), default=list(RATES),
                        help="requests per second, of all models together (default: %(default)s)")
    serving.add_arguments(parser)
    options = parser.parse_args()
    check(options)
    options.rates.sort()
    return options


class Mix(Experiment):
    def _missing(self, name, number):
        return [rate for rate in self._options.rates
                if not self._points.has(arrangement=name, round=number, rate=rate)]

    def has(self, name, number):
        return not self._missing(name, number)

    @contextlib.contextmanager
    def started(self, name):
        if not self._points.reference:
            self._points.keep_reference(self._reference())
        with arranged(name, self._options, self._folder) as arrangement:
            servers = self._servers(arrangement)
            serving.prepare(servers, self._points.reference["fingerprints"])
            self._serve(servers, self._options.rates[0], min(WARM_UP_S, self._options.seconds),
                        self._options.seed)
            yield servers
            serving.end(servers)

    def measure(self, place, name, number):
        for rate in self._missing(name, number):
            self._points.add(self._serve(place, rate, self._options.seconds, self._options.seed + number),
                             arrangement=name, round=number, rate=rate)

    def _servers(self, arrangement):
        return [serving.Server(arrangement, [self._options.server, model], model) for model in SHARES]

    def _reference(self):
        """What each model answers natively while the others do nothing, and how long it takes."""
        with arranged(ALONE, self._options, self._folder) as arrangement:
            servers = self._servers(arrangement)
            prepared = serving.prepare(servers)
            alone = {server.tenant: server.ask("alone", timeout_s=serving.ALONE_TIMEOUT_S)
                     for server in servers}
            serving.end(servers)
        return {"versions": next(iter(prepared.values()))["versions"],
                "fingerprints": {model: answer["fingerprint"] for model, answer in alone.items()},
                "gpu_ms": {model: answer["gpu_ms"] for model, answer in alone.items()}}

    def _serve(self, servers, rate, seconds, seed):
        arrivals = serving.mixed_arrivals(rate, SIGMA, seconds, seed, SHARES)
        start = serving.now() + serving.LEAD_S
        for server in servers:
            server.tell_to_serve(arrivals[server.tenant], start, start + seconds + self._options.grace_s)
        served = {server.tenant: server.served() for server in servers}
        models = {model: {key: round(value, 4) for key, value in serving.figures([stream], seconds).items()}
                  for model, stream in served.items() if stream.arrivals}
        return serving.figures(served.values(), seconds) | {"models": models}


def highest_rate(p99s, bound_ms=BOUND_MS):
    """(the highest rate at which p99 keeps the bound, what is known of it: "", "<" or ">="), from p99
    by rate. Between the last rate that keeps it and the next one, log p99 grows evenly with the rate."""
    rates = sorted(p99s)
    late = next((rate for rate in rates if p99s[rate] > bound_ms), None)
    if late is None:
        return rates[-1], ">="
    if late == rates[0]:
        return late, "<"
    early = rates[rates.index(late) - 1]
    part = math.log(bound_ms / p99s[early]) / math.log(p99s[late] / p99s[early])
    return early + part * (late - early), ""


def ratio_of_highest(ours, theirs):
    """Of two of highest_rate(), as text; "-" where their bounds say nothing of it."""
    known = {("", ""): "", (">=", ""): ">= ", ("", "<"): "> ", (">=", "<"): "> ", ("<", ""): "< ",
             ("", ">="): "<= ", ("<", ">="): "< "}
    sign = known.get((ours[1], theirs[1]))
    return "-" if sign is None else f"{sign}{ours[0] / theirs[0]:.2f}"


def table(points, rates):
    alone = points.reference["gpu_ms"]
    mean = sum(share * alone[model] for model, share in SHARES.items()) / sum(SHARES.values())
    lines = [*points.heading(),
             "GPU time of a request alone, ms: "
             + ", ".join(f"{model} {alone[model]:.2f}" for model in SHARES) + f"; of the mix {mean:.2f}", "",
             "| arrangement | requests/s | rounds | done/s | mean ms | p50 ms | p99 ms | given up | "
             "mean / MPS | p50 / MPS | p99 / MPS |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for name in points.arrangements():
        for rate in rates:
            if points.has(arrangement=name, rate=rate):
                lines.append(_row(points, name, rate))
    return lines + [""] + _highest(points, rates)


def _row(points, name, rate):
    done, mean, p50, p99 = (points.median(figure, arrangement=name, rate=rate) for figure in FIGURES)
    unserved = points.median("unserved", arrangement=name, rate=rate)
    sign = at_least(unserved)
    ratios = " | ".join(ratio_text(points.ratio(figure, MPS, arrangement=name, rate=rate)) for figure in FIGURES[1:])
    return (f"| {name} | {rate:g} | {len(points.of(arrangement=name, rate=rate))} | {done:.0f} | "
            f"{sign}{mean:.2f} | {sign}{p50:.2f} | {sign}{p99:.2f} | {unserved:.0f} | {ratios} |")


def _highest(points, rates):
    found = {name: highest_rate({rate: points.median("p99_ms", arrangement=name, rate=rate)
                                 for rate in rates if points.has(arrangement=name, rate=rate)})
             for name in points.arrangements()
             if any(points.has(arrangement=name, rate=rate) for rate in rates)}
    lines = [f"| arrangement | highest rate with p99 <= {BOUND_MS} ms | / MPS |", "|---|---|---|"]
    for name, (rate, sign) in found.items():
        ratio = ratio_of_highest(found[name], found[MPS]) if MPS in found else "-"
        lines.append(f"| {name} | {sign + ' ' if sign else ''}{rate:.0f} | {ratio} |")
    return lines


def draw(points, rates, pyplot):
    for name in points.arrangements():
        here = [rate for rate in rates if points.has(arrangement=name, rate=rate)]
        pyplot.plot(here, [points.median("p99_ms", arrangement=name, rate=rate) for rate in here],
                    marker="o", label=name)
    pyplot.axhline(BOUND_MS, linestyle=":")
    pyplot.xlabel("requests per second")
    pyplot.ylabel("p99, ms")
    pyplot.yscale("log")


def main() -> int:
    options = parse_arguments()
    settings = {"shares": SHARES, "sigma": SIGMA, "seconds": options.seconds,
                "grace_s": options.grace_s, "seed": options.seed, "together": options.together}
    points = Points(options, "mix.py", settings)
    with tempfile.TemporaryDirectory(prefix="mix-") as folder:
        failures = take_rounds(options, options.arrangements, Mix(options, points, folder), options.together)
    if not points.arrangements():
        return 1
    show(options, table(points, options.rates),
         lambda pyplot: draw(points, options.rates, pyplot))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
