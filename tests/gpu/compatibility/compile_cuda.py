"""Compiles the CUDA C++ programs with the machine's own nvcc, for the machine's own GPU."""
import os
import shutil
import subprocess

COMPILE_TIMEOUT_S = 120
USUAL_NVCC = "/usr/local/cuda/bin/nvcc"


class CannotStart(Exception):
    """A program that cannot be run. `missing`: what lacks, or None if the program is at fault."""

    def __init__(self, text: str, missing: str | None = None):
        super().__init__(text)
        self.missing = missing


def find_nvcc() -> str | None:
    return shutil.which("nvcc") or (USUAL_NVCC if os.access(USUAL_NVCC, os.X_OK) else None)


def compile_cuda(source: str, libraries: tuple[str, ...], folder: str) -> str:
    """The program's path."""
    nvcc = find_nvcc()
    if nvcc is None:
        raise CannotStart("there is no nvcc", missing="nvcc")
    program = os.path.join(folder, os.path.splitext(os.path.basename(source))[0])
    toolkit = os.path.dirname(os.path.dirname(os.path.realpath(nvcc)))
    command = [nvcc, "-O2", "-std=c++17", "-arch=native", "-o", program, source]
    command += [f"-l{library}" for library in libraries]
    command += ["-Xlinker", f"-rpath={toolkit}/lib64"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S,
                              check=False)
    except subprocess.TimeoutExpired:
        raise CannotStart(f"nvcc takes more than {COMPILE_TIMEOUT_S} s") from None
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).strip().splitlines() or ["nvcc says nothing"]
        lacks = next((line for line in lines if "No such file" in line or "cannot find -l" in line),
                     None)
        wrong = next((line for line in lines if "error" in line), lines[0])
        raise CannotStart(lacks or wrong, missing=lacks)
    return program
