"""Groups about what the driver hands back besides results: text that kernels print, text of assertions, linked code."""
from comparisons import run_both
from report import expect, expect_equal

READY_TIMEOUT_S = 60
ROUNDS = 30
TENANTS = 3


def printing(machine, report):
    machine.start_paellad()
    for arguments in (["formats"], ["rounds", "1", str(ROUNDS)], ["each_wait"], ["lines", "2", "2000"]):
        with report.check(f"{arguments[0]}: same text, in the same order"):
            native, paella = run_both(machine, [machine.program("integration_printing"), *arguments])
            expect(native.stdout != "", "natively nothing was printed")
            expect_equal(native.stdout, paella.stdout, "output")
    _graph(machine, report)
    _tenants(machine, report)
    _assertion(machine, report)


def _graph(machine, report):
    with report.check("in_graph: the text comes at each launch"):
        paella = machine.paella([machine.program("integration_printing"), "in_graph"])
        launch = "2 says 0\n2 says 1\n2 says 2\nlaunch "
        expect_equal(f"{launch}0\n{launch}1\n", paella.stdout, "output")


def _text_of(who):
    return "".join(f"{who} says {number}\n{who} synchronised {number}\n" for number in range(ROUNDS))


def _tenants(machine, report):
    with report.check(f"{TENANTS} tenants at once: each gets its own text"):
        program = machine.program("integration_printing")
        clients = [machine.start_paella([program, "rounds", str(who), str(ROUNDS)]) for who in range(TENANTS)]
        for who, client in enumerate(clients):
            expect(client.wait(machine.within_limit(60)), "out of time: " + client.describe())
            expect(client.returncode == 0, client.describe())
            expect_equal(_text_of(who), client.stdout, f"output of {who}")


def _assertion(machine, report):
    program = machine.program("integration_printing")
    with report.check("assertion: natively"):
        native = machine.native([program, "assertion"])
        expect(native.returncode == 0, native.describe())
        report.measure("assertion.native", {"output": native.stdout, "errors": native.stderr})
    neighbour = machine.start_paella([program, "quiet"], "quiet")
    with report.check("assertion: the culprit gets text and error"):
        expect(neighbour.wait_for_output("ready", machine.within_limit(READY_TIMEOUT_S)), neighbour.describe())
        culprit = machine.paella([program, "assertion"])
        expect(culprit.returncode == 0, culprit.describe())
        report.measure("assertion.paella", {"output": culprit.stdout, "errors": culprit.stderr})
        expect_equal(_driver_lines(native), _driver_lines(culprit), "errors")
        expect_equal(native.stdout, culprit.stdout, "output")
    with report.check("assertion: the neighbour sees no text"):
        expect(neighbour.wait(machine.within_limit(30)), "out of time: " + neighbour.describe())
        expect(neighbour.returncode == 0, neighbour.describe())
        expect("Assertion" not in neighbour.stderr + neighbour.stdout, neighbour.describe())


def _driver_lines(run):
    """Standard error without what the simulated GPU says of faults, which goes to paellad's log."""
    return [line for line in run.stderr.splitlines() if not line.startswith("simulated gpu:")]


def linker(machine, report):
    machine.start_paellad()
    with report.check("linked code runs, and the errors are the driver's"):
        native, paella = run_both(machine, [machine.program("integration_linker")])
        expect_equal(native.stdout, paella.stdout, "output")
