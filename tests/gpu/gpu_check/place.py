"""Where Paella's programs lie, and the machine on which they are run.

A build folder, what scripts/stage_gpu_build.sh made of one, or the prefix of an installation.
"""
import os

from machine import Machine
from report import expect

FOLDERS = ("bin", "scheduler_daemon", "examples/vector_add", "examples/busy")
LIBRARIES = ("lib/paella/libpaella.so", "shim/libpaella.so",
             "lib/x86_64-linux-gnu/paella/libpaella.so",
             "lib64/paella/libpaella.so")


class Place(Machine):
    """gpu_check's machine, for any kind of build; `socket` names a daemon that somebody else
    started."""

    def __init__(self, build, driver, policy, folder, log_folder, limit_s, socket=None):
        super().__init__(build, driver, policy, folder, log_folder, limit_s)
        self._foreign_socket = socket

    def program(self, name):
        paths = [os.path.join(self.build, folder, name) for folder in FOLDERS]
        found = next((path for path in paths if os.access(path, os.X_OK)), None)
        expect(found is not None,
               f"{self.build} has no program {name}: it is neither build nor installation")
        return found

    def library(self):
        paths = [os.path.join(self.build, library) for library in LIBRARIES]
        found = next((path for path in paths if os.path.exists(path)), None)
        expect(found is not None, f"{self.build} has no libpaella.so")
        return found

    @property
    def _socket(self):
        return self._foreign_socket or super()._socket

    def start_paellad(self):
        if self._foreign_socket is None:
            super().start_paellad()
        else:
            expect(self.status() is not None, f"no daemon answers at {self._foreign_socket}")

    def start_paellad_once(self):
        if not self.daemon_is_alive():
            self.start_paellad()

    def saw_client(self, tenant):
        """Whether the daemon knows of a client of this tenant; that a program was preloaded is
        not enough."""
        if self._foreign_socket is None:
            return f"tenant {tenant}," in self._paellad.stderr
        status = self.status() or {}
        return any(entry["tenant"] == tenant for key in ("tenants", "finished")
                   for entry in status.get(key, []))

    def executor_restarts(self):
        return (self.status() or {}).get("daemon", {}).get("executor_restarts", 0)
