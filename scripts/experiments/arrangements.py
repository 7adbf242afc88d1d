"""Ways in which programs share the GPU: natively, where the driver slices time, under MPS, under MPS
with priorities of clients, and through Paella under a policy, named as `paellad --policy` has it;
behind semicolons may follow what is said of tenants: "priority hold_ms=0; neighbour sm_share=90".
"""
import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[0:0] = [os.path.join(PROJECT, "tests", "gpu", "gpu_check"), os.path.join(PROJECT, "examples")]

from asked_process import AskedProcess  # noqa: E402
from place import Place  # noqa: E402
from report import expect  # noqa: E402

ALONE = "alone"  # natively, with nothing beside it
TIME_SLICED, MPS, MPS_PRIORITY = NATIVE = ("time-sliced", "mps", "mps-priority")
POLICIES = ("fifo", "srpt", "paella", "priority")
NO_LIMIT_S = 1e6  # each wait has a bound of its own


def is_native(name):
    return name in (ALONE, *NATIVE)


@contextlib.contextmanager
def mps_daemon(folder):
    """NVIDIA's daemon as a process of this user, with folders of its own; ended in any case, a signal
    while it starts included. Gives the settings of its clients."""
    expect(shutil.which("nvidia-cuda-mps-control") is not None, "there is no MPS here")
    settings = {"CUDA_MPS_PIPE_DIRECTORY": os.path.join(folder, "mps"),
                "CUDA_MPS_LOG_DIRECTORY": os.path.join(folder, "mps-log")}
    for name in settings.values():
        os.makedirs(name, exist_ok=True)
    control = functools.partial(subprocess.run, text=True, timeout=60, env=os.environ | settings,
                                stdout=subprocess.DEVNULL)
    try:
        control(["nvidia-cuda-mps-control", "-d"], check=True)
        yield settings
    finally:  # no error of this one may hide another
        control(["nvidia-cuda-mps-control"], input="quit\n", check=False)


class Arrangement:
    """Starts programs that share the GPU in one way. `urgency` is a class of the policy priority; MPS
    with priorities knows two, and only best-effort is the lower."""

    def __init__(self, name, place, settings):
        self.name, self.place, self._settings = name, place, settings

    def start(self, words, tenant, urgency="normal"):
        if not is_native(self.name):
            return self.place.start_paella(words, tenant, {"PAELLA_CLASS": urgency})
        behind = self.name == MPS_PRIORITY and urgency == "best-effort"
        priority = {"CUDA_MPS_CLIENT_PRIORITY": "1"} if behind else {}
        return self.place.start_native(words, self._settings | priority)

    def start_asked(self, words, tenant, urgency="normal"):
        return AskedProcess(self.place, self.start(words, tenant, urgency))

    def expect_client(self, tenant):
        """A library that cannot be preloaded is only a warning of the loader's."""
        expect(is_native(self.name) or self.place.saw_client(tenant),
               f"{tenant} runs natively: the daemon saw no such client")


@contextlib.contextmanager
def arranged(name, options, folder):
    """The Arrangement of this name. What was started in it is ended, before MPS or the daemon is gone."""
    logs = os.path.join(options.logs or os.path.join(folder, "logs"), re.sub("[ ;/*]+", "_", name))
    os.makedirs(logs, exist_ok=True)
    policy, *tenants = ["fifo"] if is_native(name) else name.split(";")
    private = tempfile.mkdtemp(dir=folder)
    place = Place(options.build, options.driver, policy, private, logs, NO_LIMIT_S)
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(mps_daemon(private)) if name in (MPS, MPS_PRIORITY) else {}
        stack.callback(place.close)
        if not is_native(name):
            place.start_paellad()
        for tenant in tenants:
            place.tell_daemon("tenant", "set", *tenant.split())
        yield Arrangement(name, place, settings)
