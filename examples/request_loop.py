"""An open loop of requests, shared by torch_serve.py and jax_serve.py: arrivals do not wait for
answers.

Times are in seconds, in the summary in milliseconds. A latency counts from the moment at which the
request was meant to arrive, so that a request that waits for the one before it pays for that wait.
"""
import argparse
import hashlib
import itertools
import math
import random
import statistics
import time
from typing import Callable, Iterator

SPIN_S = 0.0005  # the last bit before an arrival is not slept, since a sleep may end late
MIN_GAP_S = 1e-6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=100.0,
                        help="arrivals per second (default: %(default)s)")
    parser.add_argument("--sigma", type=float, default=1.0,
                        help="burstiness: sigma of the lognormal time between arrivals, "
                             "0: even (default: %(default)s)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--requests", type=int,
                        help="how many (default: 500, or as --duration-s says)")
    length.add_argument("--duration-s", type=float, help="serve what arrives in so many seconds")
    parser.add_argument("--seed", type=int, default=0,
                        help="of weights, inputs and arrivals (default: %(default)s)")


def gaps(rate: float, sigma: float, seed: int) -> Iterator[float]:
    """Seconds between arrivals, without an end; their mean is 1 / rate whatever sigma is."""
    generator = random.Random(seed)
    mu = -math.log(rate) - sigma * sigma / 2
    while True:
        yield max(MIN_GAP_S, generator.lognormvariate(mu, sigma))


def arrivals(options: argparse.Namespace) -> list[float]:
    """Seconds from the start."""
    times = itertools.accumulate(gaps(options.rate, options.sigma, options.seed))
    if options.duration_s is not None:
        return list(itertools.takewhile(lambda moment: moment < options.duration_s, times))
    return list(itertools.islice(times, options.requests or 500))


def wait_until(moment: float) -> None:
    """Of time.perf_counter()."""
    remaining = moment - time.perf_counter()
    if remaining > SPIN_S:
        time.sleep(remaining - SPIN_S)
    while time.perf_counter() < moment:
        pass


def serve(times: list[float], answer: Callable[[], object]) -> tuple[list[float], float]:
    """Calls `answer` once an arrival. Returns the latencies and how long all took, in seconds."""
    latencies = []
    start = time.perf_counter()
    for moment in times:
        wait_until(start + moment)
        answer()
        latencies.append(time.perf_counter() - start - moment)
    return latencies, time.perf_counter() - start


def percentile(values: list[float], share: float) -> float:
    """The value that this share of all does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(latencies: list[float], seconds: float) -> dict[str, float]:
    milliseconds = lambda value: round(value * 1e3, 3)  # noqa: E731
    if not latencies:
        return {"requests": 0}
    return {"requests": len(latencies), "seconds": round(seconds, 3),
            "served_per_s": round(len(latencies) / seconds, 2),
            "p50_ms": milliseconds(percentile(latencies, 0.5)),
            "p99_ms": milliseconds(percentile(latencies, 0.99)),
            "mean_ms": milliseconds(statistics.fmean(latencies))}


def fingerprint(content: bytes) -> str:
    """Of an answer's bytes: equal answers, equal fingerprints."""
    return hashlib.sha256(content).hexdigest()[:16]
