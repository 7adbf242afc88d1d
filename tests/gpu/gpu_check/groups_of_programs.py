"""Groups that compare programs: the same program natively and through Paella, bit for bit."""
import os
import sys

from comparisons import compare_documents, last_json_line, run_both
from machine import TESTS
from report import CheckFailed, expect, expect_equal

ACCURACY = 0.97
# Of integration_arrays: what any driver does, and what Paella promises beyond that.
ARRAY_SCENARIOS = ("copies", "textures", "surfaces", "out_of_memory")
PROMISED_ARRAY_SCENARIOS = ("zeroed", "destroyed_behind_work", "reset")
BAD_CALLS_TIMEOUT_S = 200
COMPARE_BAD_CALLS = os.path.join(TESTS, "bad_calls", "compare_bad_calls.py")
GRAPH_SCENARIOS = ("capture_fork_join", "graph_api", "one_after_the_other", "update_behind_launches",
                   "graph_memory", "large_graph")
# Of integration_graphs: copies of pageable memory in the graph's order. The driver (580) was seen to read it before the
# host function that fills it, on one machine each time and on another one never.
PROMISED_GRAPH_SCENARIOS = ("host_nodes",)
DEVIATIONS = os.path.join(TESTS, "bad_calls", "deviations.txt")  # rows where Paella means to differ


def examples(machine, report):
    machine.start_paellad()
    _vector_add(machine, report)
    _busy(machine, report)
    _digits(machine, report)
    _neighbours(machine, report)


def _vector_add(machine, report):
    with report.check("vector_add: same output"):
        repeats = "2" if machine.is_simulated else "200"
        native, paella = run_both(machine, [machine.program("vector_add"), "--repeat", repeats])
        expect_equal(native.stdout, paella.stdout, "output")


def _busy(machine, report):
    with report.check("busy: every kernel's result is right"):
        iterations = "20" if machine.is_simulated else "2000"
        arguments = [machine.program("busy"), "--kernels", "400", "--iterations", iterations, "--streams", "4",
                     "--json", "-"]
        documents = [last_json_line(run) for run in run_both(machine, arguments)]
        for key in ("kernels", "checks", "wrong"):
            expect_equal(documents[0][key], documents[1][key], key)
        report.measure("busy.kernels_per_second", {place: document["kernels_per_second"]
                                                   for place, document in zip(("native", "paella"), documents)})


def _digits(machine, report):
    repeats = "1" if machine.is_simulated else "100"
    arguments = [machine.program("digits"), "--repeat", repeats, "--json", "-", "--logits"]
    runs, logits = {}, {}
    with report.check("digits: runs"):
        for place, run in (("native", machine.native), ("paella", machine.paella)):
            file = machine.file(f"logits.{place}")
            finished = run(arguments + [file])
            expect(finished.returncode == 0, f"{place}: {finished.describe()}")
            runs[place] = last_json_line(finished)
            with open(file, "rb") as content:
                logits[place] = content.read()
    if len(logits) < 2:
        return
    with report.check("digits: bit-identical logits"):
        expect(len(logits["native"]) > 0, "there are no logits")
        expect(logits["native"] == logits["paella"], "the files differ")
    with report.check("digits: as accurate"):
        expect_equal(runs["native"]["accuracy"], runs["paella"]["accuracy"], "accuracy")
        expect(runs["paella"]["accuracy"] >= ACCURACY, f"the accuracy is {runs['paella']['accuracy']}")
    shown = ("accuracy", "p50_us", "p99_us", "gpu_us", "logits_fnv1a")
    report.measure("digits", {place: {key: run[key] for key in shown} for place, run in runs.items()})


def _neighbours(machine, report):
    with report.check("three programs at once: all right"):
        iterations, additions, passes = ("20", "3", "1") if machine.is_simulated else ("2000", "300", "100")
        clients = [
            machine.start_paella([machine.program("busy"), "--seconds", "5", "--iterations", iterations]),
            machine.start_paella([machine.program("vector_add"), "--repeat", additions]),
            machine.start_paella([machine.program("digits"), "--repeat", passes]),
        ]
        for client in clients:
            expect(client.wait(machine.within_limit(120)), "out of time: " + client.describe())
            expect(client.returncode == 0, client.describe())


def cudart(machine, report):
    machine.start_paellad()
    for kind in ("static", "shared"):
        outputs = {}
        with report.check(f"{kind}: runs natively"):
            native = machine.native([machine.program(f"cudart_{kind}")])
            outputs["native"] = _lines_by_check(native)
            expect(native.returncode == 0, native.describe())
        with report.check(f"{kind}: runs through Paella"):
            paella = machine.paella([machine.program(f"cudart_{kind}")])
            outputs["paella"] = _lines_by_check(paella)
            expect(paella.returncode == 0, paella.describe())
        for name, line in outputs.get("native", {}).items():
            with report.check(f"{kind}: {name}"):
                expect_equal(line, outputs.get("paella", {}).get(name, "nothing"), "output")


def _lines_by_check(run):
    """{"vector_add": "ok 0123…"} from the lines "ok vector_add 0123…"."""
    lines = [line.split(maxsplit=2) for line in run.stdout.splitlines()]
    return {words[1]: f"{words[0]} {words[2]}" for words in lines if len(words) == 3 and words[0] in ("ok", "failed")}


def virtual_memory(machine, report):
    machine.start_paellad()
    lines = {}
    for place, run in (("native", machine.native), ("paella", machine.paella)):
        with report.check(f"every check: {place}"):
            finished = run([machine.program("virtual_memory_program"), "check"])
            lines[place] = finished.stdout.splitlines()
            expect(finished.returncode == 0, finished.describe(lines=200))
    # Which error it is, is told in the line. CUDA leaves some of them open.
    differences = [pair for pair in zip(lines.get("native", []), lines.get("paella", [])) if pair[0] != pair[1]]
    report.measure("other errors than natively", differences)


def graphs(machine, report):
    machine.start_paellad()
    for scenario in GRAPH_SCENARIOS + PROMISED_GRAPH_SCENARIOS:
        with report.check(f"{scenario}: through Paella"):
            finished = machine.paella([machine.program("integration_graphs"), scenario])
            expect(finished.returncode == 0, finished.describe())
        if machine.is_simulated or scenario in PROMISED_GRAPH_SCENARIOS:
            continue  # the simulated driver does not capture
        with report.check(f"{scenario}: natively"):
            finished = machine.native([machine.program("integration_graphs"), scenario])
            expect(finished.returncode == 0, finished.describe())


def arrays(machine, report):
    machine.start_paellad()
    for scenario in ARRAY_SCENARIOS + PROMISED_ARRAY_SCENARIOS:
        with report.check(f"{scenario}: through Paella"):
            finished = machine.paella([machine.program("integration_arrays"), scenario])
            expect(finished.returncode == 0, finished.describe())
    for scenario in ARRAY_SCENARIOS:
        with report.check(f"{scenario}: natively"):
            finished = machine.native([machine.program("integration_arrays"), scenario])
            expect(finished.returncode == 0, finished.describe())


def sharing(machine, report):
    machine.start_paellad()
    # Natively so many waits fill the hardware's queues.
    runs = [("pair", True), ("values", True), ("many_waits", False)]
    for role, is_native_too in runs:
        with report.check(f"{role}: through Paella"):
            finished = machine.paella([machine.program("integration_sharing"), role])
            expect(finished.returncode == 0, finished.describe())
        if not is_native_too or (machine.is_simulated and role == "pair"):
            continue  # the simulated driver shares nothing between processes
        with report.check(f"{role}: natively"):
            finished = machine.native([machine.program("integration_sharing"), role])
            expect(finished.returncode == 0, finished.describe())
    lines = {}
    for place, run in (("paella", machine.paella),) + (() if machine.is_simulated else (("native", machine.native),)):
        with report.check(f"every mistake: {place}"):
            finished = run([machine.program("integration_sharing"), "errors"])
            lines[place] = finished.stdout.splitlines()
            expect(finished.returncode == 0, finished.describe(lines=200))
    differences = [pair for pair in zip(lines.get("native", []), lines.get("paella", [])) if pair[0] != pair[1]]
    report.measure("other errors than natively", differences)


def torch(machine, report):
    machine.start_paellad()
    compare_documents(report, machine, "matmul", machine.python("torch_matmul.py"))
    compare_documents(report, machine, "resnet50", machine.python("torch_resnet50.py"))
    compare_documents(report, machine, "graph", machine.python("torch_graph.py"))
    compare_documents(report, machine, "sharing", machine.python("torch_sharing.py"))


def bad_calls(machine, report):
    machine.start_paellad()
    files = {}
    for place, run in (("native", machine.native), ("paella", machine.paella)):
        with report.check(f"the table runs: {place}"):
            file = machine.file(f"bad_calls.{place}.json")
            finished = run([machine.program("bad_calls"), "--all", "--json", file], BAD_CALLS_TIMEOUT_S)
            expect(finished.returncode == 0, finished.describe())
            files[place] = file
    with report.check("equal results"):
        if len(files) < 2:
            raise CheckFailed("there are no two tables to compare")
        comparison = machine.start_native([sys.executable, COMPARE_BAD_CALLS, files["native"], files["paella"],
                                            "--exclude", DEVIATIONS])
        expect(comparison.wait(machine.within_limit(30)), "out of time: " + comparison.describe())
        report.measure("comparison", comparison.stdout.splitlines()[-200:])
        expect(comparison.returncode == 0, comparison.describe(lines=200))
    with report.check("paellad is still there"):
        expect(machine.daemon_is_alive() and machine.status() is not None, machine.daemon_log())
