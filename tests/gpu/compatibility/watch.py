"""A thread that looks, while programs run, at what processes hold on the GPU and what the daemon
says of tenants."""
import collections
import os
import threading

from machine import gpu_processes
from report import CheckFailed

PERIOD_S = 0.5
END_TIMEOUT_S = 60


class Watch:
    """Programs are registered by the process that leads their session; children of theirs are in
    the same one."""

    def __init__(self, machine):
        self._machine = machine
        self._lock = threading.Lock()
        # of programs: the name under which their figures are kept
        self._sessions: dict[int, str] = {}
        self._paella: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples = 0
        # processes of clients that held one
        self.contexts: dict[str, set[int]] = collections.defaultdict(set)
        self.peak_mib: dict[str, int] = collections.defaultdict(int)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(END_TIMEOUT_S)

    def register(self, pid: int, name: str, through_paella: bool) -> None:
        with self._lock:
            self._sessions[pid] = name
            if through_paella:
                self._paella.add(name)

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self._look_at_tenants()
            if not self._machine.is_simulated:
                self._look_at_processes()

    def _look_at_tenants(self) -> None:
        for tenant in (self._machine.status() or {}).get("tenants", []):
            mib = tenant["memory_bytes"] >> 20
            self.peak_mib[tenant["tenant"]] = max(self.peak_mib[tenant["tenant"]], mib)

    def _look_at_processes(self) -> None:
        try:
            shown = gpu_processes()
        except CheckFailed:
            return  # nvidia-smi was busy; the next sample comes
        self.samples += 1
        totals: dict[str, int] = collections.defaultdict(int)
        for pid, mib, *_ in shown:
            name = self._name_of(int(pid))
            if name in self._paella:
                self.contexts[name].add(int(pid))
            elif name is not None and mib.isdigit():
                totals[name] += int(mib)
        for name, total in totals.items():
            self.peak_mib[name] = max(self.peak_mib[name], total)

    def _name_of(self, pid: int) -> str | None:
        try:
            session = os.getsid(pid)
        except OSError:
            return None
        with self._lock:
            return self._sessions.get(session)
