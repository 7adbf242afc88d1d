"""Programs that gpu_check starts: each in a process group of its own, and gone when gpu_check is.

Output goes to files, so that no program ever waits for a reader, and what it said is there while it still runs.
"""
import ctypes
import itertools
import os
import signal
import subprocess
import time

POLL_S = 0.01
KILL_GRACE_S = 5
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(condition, timeout_s):
    """Whether `condition()` became true in time."""
    end = time.monotonic() + timeout_s
    while True:
        if condition():
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_S)


class Process:
    _numbers = itertools.count(1)

    def __init__(self, arguments, environment, folder):
        self.name = os.path.basename(arguments[0])
        self._stem = os.path.join(folder, f"{next(self._numbers):03}-{self.name}")
        self.started = time.monotonic()
        self.ended = None
        with open(self._stem + ".out", "wb") as out, open(self._stem + ".err", "wb") as err:
            self._process = subprocess.Popen(arguments, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=err,
                                             start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self._process.pid

    @property
    def returncode(self):
        """None while it runs; negative: the signal that ended it."""
        code = self._process.poll()
        if code is not None and self.ended is None:
            self.ended = time.monotonic()
        return code

    @property
    def seconds(self):
        return (self.ended or time.monotonic()) - self.started

    @property
    def stdout(self):
        return self._read(".out")

    @property
    def stderr(self):
        return self._read(".err")

    def _read(self, suffix):
        with open(self._stem + suffix, "rb") as file:
            return file.read().decode(errors="replace")

    def write_line(self, text=""):
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def close_input(self):
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended with a line unread

    def wait(self, timeout_s):
        """Whether it ended in time; it goes on if not."""
        return wait_until(lambda: self.returncode is not None, timeout_s)

    def wait_for_output(self, text, timeout_s):
        """Whether it printed `text` in time; ends early if the program does."""
        wait_until(lambda: text in self.stdout or self.returncode is not None, timeout_s)
        return text in self.stdout

    def send(self, number):
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill_group(self):
        """Ends it and what it started, for good."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.wait(KILL_GRACE_S)

    def describe(self, lines=30):
        """What a person wants to see of a failure."""
        code = self.returncode
        how = "still running" if code is None else f"exit status {code}" if code >= 0 else f"signal {-code}"
        tail = "\n".join((self.stderr + self.stdout).splitlines()[-lines:])
        return f"{self.name}: {how} after {self.seconds:.1f} s\n{tail}".strip()
