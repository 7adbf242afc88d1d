"""Groups about processes: who is on the GPU, and what clients that die or do wrong mean for the others."""
import os
import signal
import time

from machine import gpu_memory_used_mib, gpu_processes
from process import wait_until
from report import CheckSkipped, expect

READY_TIMEOUT_S = 60
NEIGHBOURS = 4
SAMPLES = 5
GONE_TIMEOUT_S = 30  # what is in flight ends first, and then the memory is given back
ERROR_WITHIN_S = 1.0
EXIT_CUDA_ERROR = 2  # of the examples
MEMORY_TOLERANCE_MIB = 64


def _start_busy(machine, seconds, tenant):
    iterations = "20" if machine.is_simulated else "5000"
    arguments = [machine.program("busy"), "--seconds", str(seconds), "--iterations", iterations]
    return machine.start_paella(arguments, tenant)


def _launches(machine):
    """Commands launched so far, by tenant."""
    return {tenant["tenant"]: tenant["launches"] for tenant in (machine.status() or {}).get("tenants", [])}


def _expect_work(machine, tenants):
    """All of them have launched something."""
    working = lambda: all(_launches(machine).get(tenant, 0) > 0 for tenant in tenants)  # noqa: E731
    expect(wait_until(working, machine.within_limit(READY_TIMEOUT_S)), f"not every client works: {_launches(machine)}")


def _expect_good_end(machine, processes, timeout_s=60):
    for process in processes:
        expect(process.wait(machine.within_limit(timeout_s)), "out of time: " + process.describe())
        expect(process.returncode == 0, process.describe())


# --- processes ---


def processes(machine, report):
    memory_mib = {} if machine.is_simulated else {"before": gpu_memory_used_mib()}
    machine.start_paellad()
    if not machine.is_simulated:
        memory_mib["daemon"] = gpu_memory_used_mib()
    tenants = [f"neighbour-{number}" for number in range(NEIGHBOURS)]
    clients = [_start_busy(machine, 120, tenant) for tenant in tenants]
    with report.check(f"{NEIGHBOURS} clients work at once"):
        _expect_work(machine, tenants)
    with report.check("no client has a context: nvidia-smi shows the executor alone"):
        if machine.is_simulated:
            raise CheckSkipped("nvidia-smi knows no simulated GPU")
        memory_mib["clients"] = gpu_memory_used_mib()
        _expect_executor_alone(machine)
    with report.check("the same with PyTorch as a client"):
        if machine.is_simulated:
            raise CheckSkipped("PyTorch needs a real GPU")
        _check_torch_client(machine)
    with report.check("all clients end well"):
        for client in clients:
            client.send(signal.SIGTERM)
        _expect_good_end(machine, clients)
    report.measure("gpu_memory_used_mib", memory_mib)


def _expect_executor_alone(machine):
    executor = machine.executor_pid()
    for _ in range(SAMPLES):
        shown = gpu_processes()
        expect([row[0] for row in shown] == [str(executor)], f"the executor is {executor}; nvidia-smi shows {shown}")
    with open(f"/proc/{executor}/cmdline", "rb") as command:
        name = command.read().split(b"\0")[0].decode()
    expect(os.path.basename(name) == "paella-executor", f"the executor calls itself {name}")


def _check_torch_client(machine):
    client = machine.start_paella(machine.python("torch_matmul.py", "--repeat", "20000"), "torch")
    _expect_work(machine, ["torch"])
    _expect_executor_alone(machine)
    expect(client.returncode is None, "it ended early: " + client.describe())
    client.kill_group()


# --- faults ---


def faults(machine, report):
    machine.start_paellad()
    _killed_client(machine, report)
    _memory_of_killed_client(machine, report)
    _illegal_address(machine, report)
    with report.check("paellad outlived it all"):
        expect(machine.daemon_is_alive() and machine.status() is not None, machine.daemon_log())


def _start_holder(machine, tenant, share):
    holder = machine.start_paella([machine.program("unruly"), "hold", "--memory-share", str(share)], tenant)
    expect(holder.wait_for_output("ready", machine.within_limit(READY_TIMEOUT_S)), holder.describe())
    return holder


def _expect_gone(machine, tenant):
    gone = lambda: machine.status() is not None and tenant not in _launches(machine)  # noqa: E731
    expect(wait_until(gone, machine.within_limit(GONE_TIMEOUT_S)), f"the daemon still lists {tenant}")


def _expect_progress(machine, tenants):
    """Each of them launches more than it has so far."""
    before = _launches(machine)
    goes_on = lambda now: all(now.get(tenant, 0) > before.get(tenant, 0) for tenant in tenants)  # noqa: E731
    expect(wait_until(lambda: goes_on(_launches(machine)), machine.within_limit(READY_TIMEOUT_S)),
           f"not all go on: {before}, then {_launches(machine)}")


def _killed_client(machine, report):
    with report.check("SIGKILL with work in flight: the others go on, all right"):
        tenants = ["neighbour-0", "neighbour-1"]
        neighbours = [_start_busy(machine, 120, tenant) for tenant in tenants]
        victim = _start_holder(machine, "victim", 0.1)
        _expect_work(machine, [*tenants, "victim"])
        victim.send(signal.SIGKILL)
        _expect_gone(machine, "victim")
        _expect_progress(machine, tenants)
        for neighbour in neighbours:
            neighbour.send(signal.SIGTERM)
        _expect_good_end(machine, neighbours)


def _memory_of_killed_client(machine, report):
    """Two holders of more than half the memory fit only one after the other."""
    with report.check("SIGKILL: its memory returns"):
        share = 0.6
        used_mib = None if machine.is_simulated else gpu_memory_used_mib()
        _start_holder(machine, "first-holder", share).send(signal.SIGKILL)
        _expect_gone(machine, "first-holder")
        _start_holder(machine, "second-holder", share).kill_group()
        if used_mib is None:
            return
        is_back = lambda: gpu_memory_used_mib() <= used_mib + MEMORY_TOLERANCE_MIB  # noqa: E731
        expect(wait_until(is_back, machine.within_limit(15)),
               f"{used_mib} MiB were used before, {gpu_memory_used_mib()} now")


def _illegal_address(machine, report):
    restarts = _restarts(machine)
    with report.check("illegal address: the culprit gets CUDA's error"):
        neighbour = _start_busy(machine, 60, "neighbour")
        culprit = machine.start_paella([machine.program("unruly"), "fault"], "culprit")
        expect(culprit.wait_for_output("ready", machine.within_limit(READY_TIMEOUT_S)), culprit.describe())
        _expect_work(machine, ["neighbour", "culprit"])
        culprit.write_line("go")
        expect(culprit.wait_for_output("error=", machine.within_limit(30)), culprit.describe())
        faulted = time.monotonic()
        neighbour.wait(ERROR_WITHIN_S + 5)
        expect("error=CUDA_ERROR_ILLEGAL_ADDRESS sticky=yes" in culprit.stdout, culprit.describe())
    with report.check("illegal address: the neighbour gets an error within a second, or goes on"):
        _expect_error_or_work(machine, report, neighbour, faulted)
    with report.check("illegal address: a new client is served"):
        start = time.monotonic()
        client = machine.paella([machine.program("vector_add")])
        expect(client.returncode == 0, client.describe())
        report.measure("new_client_after_fault_seconds", round(time.monotonic() - start, 3))
        report.measure("executor_restarts", _restarts(machine) - restarts)


def _restarts(machine):
    return (machine.status() or {}).get("daemon", {}).get("executor_restarts", 0)


def _expect_error_or_work(machine, report, neighbour, faulted):
    """What may never be is a hang or a wrong answer."""
    if neighbour.returncode is not None:
        expect(neighbour.returncode == EXIT_CUDA_ERROR, neighbour.describe())
        seconds = max(0.0, neighbour.ended - faulted)
        report.measure("neighbour_error_seconds", round(seconds, 3))
        # The simulated GPU shares its processor cores with everybody, so no time is judged there.
        expect(seconds <= ERROR_WITHIN_S or machine.is_simulated, f"the error came after {seconds:.2f} s")
        return
    neighbour.send(signal.SIGTERM)
    _expect_good_end(machine, [neighbour])
