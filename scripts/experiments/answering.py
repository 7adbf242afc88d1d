"""The asked side of the experiments' programs: lines in, one line of JSON out for each, until the
input ends. Needs no framework.

Moments are of time.perf_counter(), which on Linux is one clock for all processes (CLOCK_MONOTONIC),
so that the programs of one round begin together.
"""
import gc
import json
import os
import shlex
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples"))

from request_loop import fingerprint, wait_until  # noqa: E402


def answer_lines(commands):
    """`commands`: functions of a line's words, by the first word; each returns a dictionary."""
    for line in sys.stdin:
        name, *words = shlex.split(line)
        try:
            document = commands[name](*words)
        except Exception as error:  # told to who asked
            document = {"error": f"{type(error).__name__}: {error}"[:1000]}
        print(json.dumps(document), flush=True)


def serve(answer, expected, arrivals, start, give_up):
    """An open loop: calls answer() for each of the `arrivals`, which are seconds after the moment
    `start`. Returns the latencies in seconds from the intended arrivals, how many requests at the
    end were not begun by the moment `give_up`, whose latencies then count until that, and how many
    answers were not `expected`."""
    gc.collect()
    gc.freeze()  # what was there before is not looked through while requests wait
    latencies, wrong = [], 0
    for arrival in arrivals:
        wait_until(min(start + arrival, give_up))
        if time.perf_counter() >= give_up:
            break
        content = answer()
        latencies.append(time.perf_counter() - start - arrival)
        wrong += content != expected
    unserved = [max(0.0, give_up - start - arrival) for arrival in arrivals[len(latencies):]]
    return latencies + unserved, len(unserved), wrong


def server_commands(prepare):
    """The commands of a program that serves: prepare() gives what answers a request with bytes, a
    function for the median GPU time of a request in milliseconds, and the versions of what it uses."""
    state = {}

    def be_prepared():
        state["answer"], state["gpu_ms"], versions = prepare()
        state["expected"] = state["answer"]()
        return {"fingerprint": fingerprint(state["expected"]),
                "versions": {"python": sys.version.split()[0]} | versions}

    def alone():
        return {"gpu_ms": state["gpu_ms"](), "fingerprint": fingerprint(state["answer"]())}

    def serve_file(arrivals_file, latencies_file, start, give_up):
        with open(arrivals_file, encoding="utf-8") as file:
            arrivals = json.load(file)
        latencies, unserved, wrong = serve(state["answer"], state["expected"], arrivals,
                                           float(start), float(give_up))
        with open(latencies_file, "w", encoding="utf-8") as file:
            json.dump([round(latency, 7) for latency in latencies], file)
        return {"unserved": unserved, "wrong": wrong}

    return {"prepare": be_prepared, "alone": alone, "serve": serve_file}
