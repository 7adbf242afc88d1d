"""This machine as the checks see it: programs of the staged build, run natively or through a paellad of their own.

One Machine a group. It ends everything that it started when the group is over, however that comes.
"""
import json
import os
import shlex
import signal
import subprocess
import sys
import time

from process import Process, wait_until
from report import CheckFailed, expect

GROUP_LIMIT_S = 440  # a group is promised to end within 8 minutes, its end included
START_TIMEOUT_S = 60  # an executor makes a context, and on a cold machine loads the driver from disk
STOP_TIMEOUT_S = 15
STATUS_TIMEOUT_S = 10
PROGRAM_TIMEOUT_S = 180

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Machine:
    def __init__(self, build, driver, policy, folder, log_folder, limit_s=GROUP_LIMIT_S):
        self.build = os.path.abspath(build)
        self.driver = driver  # of the simulated GPU; None: this machine's own
        self._policy = policy
        self._folder = folder  # private, short lived, with a short path: sockets lie in it
        self._log_folder = log_folder
        self.results_folder = os.path.dirname(os.path.dirname(log_folder))
        self._deadline = time.monotonic() + limit_s
        self._processes = []
        self._paellad = None
        self._clients = 0

    # --- what there is ---

    @property
    def is_simulated(self):
        return self.driver is not None

    def program(self, name):
        path = os.path.join(self.build, "bin", name)
        expect(os.access(path, os.X_OK), f"{path} is not there: see scripts/stage_gpu_build.sh")
        return path

    def library(self):
        return os.path.join(self.build, "lib", "paella", "libpaella.so")

    def python(self, script, *arguments):
        return [sys.executable, os.path.join(TESTS, "gpu", "programs", script), *arguments]

    def file(self, name):
        return os.path.join(self._folder, name)

    # --- running ---

    def native(self, arguments, timeout_s=PROGRAM_TIMEOUT_S):
        return self._finish(self.start_native(arguments), timeout_s)

    def paella(self, arguments, timeout_s=PROGRAM_TIMEOUT_S):
        tenant = self._next_tenant(arguments)
        process = self._finish(self.start_paella(arguments, tenant), timeout_s)
        self.expect_client(f"tenant {tenant},")
        return process

    def native_settings(self):
        """What a native run has in its environment besides ours."""
        return {"LD_LIBRARY_PATH": os.path.dirname(os.path.abspath(self.driver))} if self.is_simulated else {}

    def paella_settings(self):
        return {"LD_PRELOAD": self.library(), "PAELLA_SOCKET": self._socket}

    def start_native(self, arguments, settings=None):
        return self._start(arguments, _own_environment() | (settings or {}) | self.native_settings())

    def start_paella(self, arguments, tenant=None, settings=None):
        tenant = tenant or self._next_tenant(arguments)
        environment = _own_environment() | (settings or {}) | self.paella_settings()
        environment["PAELLA_TENANT"] = tenant
        environment["PAELLA_LOG"] = self.client_log(tenant)
        return self._start(arguments, environment)

    def client_log(self, tenant):
        return os.path.join(self._log_folder, f"client-{tenant}.log")

    def _next_tenant(self, arguments):
        self._clients += 1
        script = arguments[1] if arguments[0] == sys.executable else arguments[0]
        return f"{self._clients:02}-{os.path.basename(script)}"

    def expect_client(self, words):
        """paellad's log names each client. A library that cannot be preloaded is only a warning of the loader's, and the
        program would run natively, with the native results."""
        expect(words in self._paellad.stderr, f"paellad has seen no client with {words!r}")

    def _start(self, arguments, environment):
        process = Process(arguments, environment, self._folder)
        self._processes.append(process)
        return process

    def _finish(self, process, timeout_s):
        if not process.wait(self.within_limit(timeout_s)):
            process.kill_group()
            raise CheckFailed("out of time: " + process.describe())
        return process

    def within_limit(self, timeout_s):
        """As much of a time-out as the group has left."""
        return max(0.1, min(timeout_s, self._deadline - time.monotonic()))

    # --- the daemon ---

    @property
    def _socket(self):
        return self.file("gpu.sock")

    def start_paellad(self):
        arguments = [self.program("paellad"), "--socket", self._socket, "--policy", self._policy]
        arguments += ["--drain-seconds", "2"]
        if self.is_simulated:
            arguments += ["--driver", os.path.abspath(self.driver)]
        self._paellad = self._start(arguments, _own_environment())
        ready = wait_until(lambda: self._paellad.returncode is not None or self._serves(),
                           self.within_limit(START_TIMEOUT_S))
        expect(ready and self._paellad.returncode is None, "paellad does not serve: " + self._paellad.describe())

    def _serves(self):
        return os.path.exists(self._socket) and (self.status() or {}).get("device") is not None

    def status(self):
        """The daemon's status document; None if it does not answer."""
        try:
            answer = subprocess.run([self.program("paellactl"), "status", "--json", "--socket", self._socket],
                                    capture_output=True, timeout=STATUS_TIMEOUT_S, check=False)
            return json.loads(answer.stdout) if answer.returncode == 0 else None
        except (subprocess.TimeoutExpired, json.JSONDecodeError):
            return None

    def tell_daemon(self, *words):
        """By paellactl: ("tenant", "set", "NAME", "class=latency")."""
        told = subprocess.run([self.program("paellactl"), *words, "--socket", self._socket], capture_output=True,
                              text=True, timeout=STATUS_TIMEOUT_S, check=False)
        expect(told.returncode == 0, told.stderr)

    def daemon_pid(self):
        return self._paellad.pid

    def executor_pid(self):
        return (self.status() or {}).get("daemon", {}).get("executor_pid")

    def daemon_is_alive(self):
        return self._paellad is not None and self._paellad.returncode is None

    def daemon_log(self):
        return self._paellad.describe(lines=60) if self._paellad is not None else ""

    def unsupported_calls(self):
        return (self.status() or {}).get("unsupported", [])

    # --- the end ---

    def close(self):
        if self.daemon_is_alive():
            self._paellad.send(signal.SIGTERM)
            self._paellad.wait(STOP_TIMEOUT_S)
        for process in self._processes:
            process.kill_group()
        if self._paellad is not None:
            with open(os.path.join(self._log_folder, "paellad.log"), "w", encoding="utf-8") as log:
                log.write(self._paellad.stderr + self._paellad.stdout)


def _own_environment():
    """Without what a user of Paella may have set: what runs natively here shall do so."""
    ours = lambda name: name == "LD_PRELOAD" or name.startswith("PAELLA_")  # noqa: E731
    return {name: value for name, value in os.environ.items() if not ours(name)}


def _query_nvidia_smi(arguments):
    try:
        answer = subprocess.run(["nvidia-smi", *arguments, "--format=csv,noheader,nounits"], capture_output=True,
                                text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise CheckFailed(f"nvidia-smi: {error}") from error
    return [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines() if line.strip()]


def gpu_processes():
    """[pid, MiB, name] of each process that nvidia-smi shows."""
    return _query_nvidia_smi(["--query-compute-apps=pid,used_memory,process_name"])


def gpu_memory_used_mib():
    return int(_query_nvidia_smi(["--query-gpu=memory.used"])[0][0])


def command_line(program, arguments, without):
    """How a program was started, without the options of this list, which name files and take a value."""
    words, skip = [program], False
    for argument in arguments:
        if not skip and argument.split("=")[0] not in without:
            words.append(argument)
        skip = argument in without
    return shlex.join(words)


def describe_machine(driver):
    if driver is not None:
        return {"gpu": "simulated"}
    try:
        name, version, memory_mib = _query_nvidia_smi(["--query-gpu=name,driver_version,memory.total"])[0]
        return {"gpu": name, "driver": version, "memory_mib": memory_mib, "cores": os.cpu_count()}
    except CheckFailed as error:
        return {"gpu": "none", "why": str(error)}
