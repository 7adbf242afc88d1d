#!/usr/bin/env python3
"""A process that is asked for rounds of requests, so that two of them can be measured in turn
without starting anew.

usage: worker.py MODULE     one of workloads_*.py; functions without an underscore make workloads

It answers each line that it reads with one line of JSON, and ends with its input:
    prepare NAME        makes the workload and answers its first requests
    round NAME SECONDS  answers requests for so long, at least five: {"median_ms", "requests"}
    memory              {"reserved_mib"}: what its allocator holds of the GPU
"""
import importlib
import json
import statistics
import sys
import time
from typing import Callable

WARM_UPS = 10
LEAST_REQUESTS = 5

requests: dict[str, Callable[[], object]] = {}


def prepare(module, name: str) -> dict:
    requests[name] = getattr(module, name)()
    for _ in range(WARM_UPS):
        requests[name]()
    return {"ready": name}


def measure(name: str, seconds: float) -> dict:
    """The median of the requests' times: what disturbs one now and then does not count."""
    taken, end = [], time.perf_counter() + seconds
    while len(taken) < LEAST_REQUESTS or time.perf_counter() < end:
        start = time.perf_counter()
        requests[name]()
        taken.append(time.perf_counter() - start)
    return {"median_ms": statistics.median(taken) * 1e3, "requests": len(taken)}


def answer(module, words: list[str]) -> dict:
    if words[0] == "prepare":
        return prepare(module, words[1])
    if words[0] == "round":
        return measure(words[1], float(words[2]))
    return {"reserved_mib": module._reserved_mib()}


def main() -> None:
    module = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        try:
            document = answer(module, line.split())
        except Exception as error:  # told to who asked; the next workload may work
            document = {"error": f"{type(error).__name__}: {error}"[:1000]}
        print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
