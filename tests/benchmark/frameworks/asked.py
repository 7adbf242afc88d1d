"""The other end of worker.py: starts it, natively or through Paella, and asks it. Every wait has
a bound."""
import os
import sys
import time

from asked_process import AskedProcess
from report import CheckFailed

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")
START_TIMEOUT_S = 90
PREPARE_TIMEOUT_S = 240  # torch.compile
ROUND_TIMEOUT_S = 60


class Worker(AskedProcess):
    def __init__(self, machine, module: str, tenant: str | None, caches: str):
        """`tenant` None: natively."""
        command = [sys.executable, WORKER, module]
        settings = {"TORCHINDUCTOR_CACHE_DIR": os.path.join(caches, "inductor"),
                    "HF_HUB_OFFLINE": "1",
                    "TRITON_CACHE_DIR": os.path.join(caches, "triton"),
                    "PYTHONDONTWRITEBYTECODE": "1"}
        self._tenant = tenant
        super().__init__(machine, machine.start_native(command, settings) if tenant is None
                         else machine.start_paella(command, tenant, settings))

    def prepare(self, name: str) -> None:
        self.ask(f"prepare {name}", PREPARE_TIMEOUT_S)
        if self._tenant is not None and not self._machine.saw_client(self._tenant):
            raise CheckFailed(f"the daemon saw no client of {self._tenant}: it runs natively")

    def round_ms(self, name: str, seconds: float) -> float:
        """The median request's milliseconds."""
        return self.ask(f"round {name} {seconds}", ROUND_TIMEOUT_S)["median_ms"]


def seconds_to_first_result(machine, tenant: str | None, module: str, name: str,
                            caches: str) -> float:
    """From the start of a process to its first answers."""
    start = time.monotonic()
    worker = Worker(machine, module, tenant, caches)
    try:
        worker.prepare(name)
        return time.monotonic() - start
    finally:
        worker.end()
