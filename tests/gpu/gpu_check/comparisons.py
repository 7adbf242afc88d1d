"""The comparison that most checks make: one program natively and through Paella, and nothing may differ."""
import json

from report import CheckFailed, expect, expect_equal


def run_both(machine, arguments):
    """The program's native run and its run through Paella; both have ended with exit status 0."""
    runs = machine.native(arguments), machine.paella(arguments)
    for place, run in zip(("natively", "through Paella"), runs):
        expect(run.returncode == 0, f"{place}: {run.describe()}")
    return runs


def last_json_line(run):
    for line in reversed(run.stdout.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise CheckFailed("no JSON in the output of " + run.describe())


def compare_documents(report, machine, name, arguments):
    """A program of tests/gpu/programs: twice natively, once through Paella. One check for each of its results."""
    with report.check(f"{name}: runs"):
        natives = [machine.native(arguments) for _ in range(2)]
        for native in natives:
            expect(native.returncode == 0, "natively: " + native.describe())
        run = machine.paella(arguments)
        expect(run.returncode == 0, "through Paella: " + run.describe())
        first, second, paella = (last_json_line(each) for each in (*natives, run))
        report.measure(name, {"native": first["timings_ms"], "paella": paella["timings_ms"],
                              "native_seconds": round(natives[1].seconds, 2), "paella_seconds": round(run.seconds, 2)})
        _compare_results(report, name, first["results"], second["results"], paella["results"])


def _compare_results(report, name, first, second, paella):
    for key in sorted(first.keys() | paella.keys()):
        with report.check(f"{name}: {key}"):
            # Where two native runs differ, equal bits would be luck: the program has to be changed, not Paella.
            expect(first.get(key) == second.get(key), "two native runs differ")
            expect_equal(first.get(key), paella.get(key), "result")
            expect(first.get(key) is not False, "it is false in both runs")
