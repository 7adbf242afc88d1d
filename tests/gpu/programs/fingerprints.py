"""What the programs for gpu_check share: fingerprints of results, times of calls, and one JSON document as output.

Two runs of one program are compared by `results`, which must be equal; `timings_ms` are for people.
"""
import hashlib
import json
import statistics
import time


def of_bytes(content):
    return hashlib.sha256(content).hexdigest()


class Output:
    def __init__(self):
        self._document = {"results": {}, "timings_ms": {}}

    def result(self, name, value):
        self._document["results"][name] = value

    def timing(self, name, seconds):
        """The median: what disturbs a call now and then does not count."""
        self._document["timings_ms"][name] = round(statistics.median(seconds) * 1e3, 4)

    def write(self):
        print(json.dumps(self._document), flush=True)


def timed(function, repeats, wait, fingerprint):
    """Calls `function` `repeats` times, `wait` after each. Returns each answer's fingerprint and the calls' seconds."""
    prints, seconds = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = function()
        wait()
        seconds.append(time.perf_counter() - start)
        prints.append(fingerprint(answer))
    return prints, seconds
