"""The other end of worker.py: starts it, natively or through Paella, and asks it. Every wait has
a bound."""
import json
import os
import sys
import time

from process import wait_until
from report import CheckFailed

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")
START_TIMEOUT_S = 90
PREPARE_TIMEOUT_S = 240  # torch.compile
ROUND_TIMEOUT_S = 60
END_TIMEOUT_S = 15


class Worker:
    def __init__(self, machine, module: str, tenant: str | None, caches: str):
        """`tenant` None: natively."""
        command = [sys.executable, WORKER, module]
        settings = {"TORCHINDUCTOR_CACHE_DIR": os.path.join(caches, "inductor"),
                    "HF_HUB_OFFLINE": "1",
                    "TRITON_CACHE_DIR": os.path.join(caches, "triton"),
                    "PYTHONDONTWRITEBYTECODE": "1"}
        self._machine, self._tenant, self._answers = machine, tenant, 0
        self._process = (machine.start_native(command, settings) if tenant is None
                         else machine.start_paella(command, tenant, settings))

    def prepare(self, name: str) -> None:
        self.ask(f"prepare {name}", PREPARE_TIMEOUT_S)
        if self._tenant is not None and not self._machine.saw_client(self._tenant):
            raise CheckFailed(f"the daemon saw no client of {self._tenant}: it runs natively")

    def round_ms(self, name: str, seconds: float) -> float:
        """The median request's milliseconds."""
        return self.ask(f"round {name} {seconds}", ROUND_TIMEOUT_S)["median_ms"]

    def ask(self, line: str, timeout_s: float) -> dict:
        if self._process.returncode is not None:
            raise CheckFailed("it has ended: " + self._process.describe())
        try:
            self._process.write_line(line)
        except OSError as error:
            raise CheckFailed(f"it reads no more: {error}: " + self._process.describe()) from error
        self._answers += 1
        answered = wait_until(lambda: self._lines() >= self._answers
                              or self._process.returncode is not None,
                              self._machine.within_limit(timeout_s))
        if not answered or self._lines() < self._answers:
            raise CheckFailed(f"no answer to {line!r}: " + self._process.describe())
        answer = json.loads(self._answer_lines()[self._answers - 1])
        if "error" in answer:
            raise CheckFailed(f"{line}: {answer['error']}")
        return answer

    def end(self) -> None:
        self._process.close_input()
        self._process.wait(self._machine.within_limit(END_TIMEOUT_S))
        self._process.kill_group()

    def _answer_lines(self) -> list[str]:
        """Of JSON; frameworks print other lines."""
        return [line for line in self._process.stdout.split("\n")[:-1] if line.startswith("{")]

    def _lines(self) -> int:
        return len(self._answer_lines())


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
