"""What a group found: checks that pass, fail or are skipped, measurements, and their JSON.

A check is a `with` block: it fails by CheckFailed, is skipped by CheckSkipped, and passes by reaching its end.
"""
import json
import os
import sys
import time


class CheckFailed(Exception):
    pass


class CheckSkipped(Exception):
    pass


def expect(holds, otherwise):
    if not holds:
        raise CheckFailed(otherwise)


def expect_equal(native, paella, what):
    expect(native == paella, f"{what}: natively {native!r}, through Paella {paella!r}")


class Report:
    def __init__(self, group):
        self.group = group
        self.checks = []
        self.measurements = {}
        self.unsupported_calls = []
        self._started = time.monotonic()

    def check(self, name):
        return _Check(self, name)

    def skip(self, name, why):
        self._add(name, "skipped", why, 0)

    def measure(self, name, value):
        self.measurements[name] = value

    def count(self, outcome):
        return sum(check["outcome"] == outcome for check in self.checks)

    @property
    def failed(self):
        return self.count("failed") > 0

    def write(self, folder, machine):
        document = {
            "group": self.group,
            "machine": machine,
            "seconds": round(time.monotonic() - self._started, 1),
            "passed": self.count("passed"),
            "failed": self.count("failed"),
            "skipped": self.count("skipped"),
            "checks": self.checks,
            "measurements": self.measurements,
            "unsupported_calls": self.unsupported_calls,
        }
        with open(os.path.join(folder, self.group + ".json"), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")

    def _add(self, name, outcome, detail, seconds):
        self.checks.append({"name": name, "outcome": outcome, "seconds": round(seconds, 2), "detail": detail})
        first_line = detail.splitlines()[0] if detail else ""
        print(f"{outcome:8} {self.group:10} {name}{'  (' + first_line + ')' if first_line else ''}", flush=True)


class _Check:
    def __init__(self, report, name):
        self._report, self._name = report, name

    def __enter__(self):
        self._started = time.monotonic()
        return self

    def __exit__(self, kind, error, trace):
        seconds = time.monotonic() - self._started
        if kind is None:
            self._report._add(self._name, "passed", "", seconds)
        elif issubclass(kind, CheckSkipped):
            self._report._add(self._name, "skipped", str(error), seconds)
        elif issubclass(kind, Exception):
            # A mistake of the check itself is a failure of this check, not the end of the others.
            text = str(error) if issubclass(kind, CheckFailed) else f"{kind.__name__}: {error}"
            self._report._add(self._name, "failed", text, seconds)
        else:
            return False  # somebody stops gpu_check
        return True


def print_table(reports, out=sys.stdout):
    print(f"\n{'group':12} {'passed':>7} {'failed':>7} {'skipped':>8}", file=out)
    for report in reports:
        passed, failed, skipped = (report.count(outcome) for outcome in ("passed", "failed", "skipped"))
        print(f"{report.group:12} {passed:7} {failed:7} {skipped:8}", file=out)
