"""Runs virtual_memory_program through paellad on the simulated GPU, as several tenants after each other.

usage: virtual_memory_test.py PAELLAD PAELLACTL LIBPAELLA SIMULATED_LIBCUDA PROGRAM

The simulated GPU hands out memory that is full of 0xa5, and has not enough for two clients that take much: the second
one gets its memory only if the first one's came back, and may see nothing of what was in it.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

START_S = 30
PROGRAM_S = 60
STOP_S = 20
POLL_S = 0.02


def wait_until(condition, timeout_s):
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def main():
    paellad, paellactl, libpaella, simulated, program = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="paella_vm_") as folder:
        socket = os.path.join(folder, "gpu.sock")
        control = socket + ".control"
        environment = dict(os.environ, PAELLA_SIMULATED_GPU_MEMORY_MIB="256",
                           PAELLA_SIMULATED_GPU_NEW_MEMORY_BYTE="165")

        def status():
            answer = subprocess.run([paellactl, "status", "--json", "--control-socket", control], capture_output=True,
                                    timeout=START_S, check=False)
            return json.loads(answer.stdout) if answer.returncode == 0 else None

        def nobody_is_connected():
            document = status()
            return document is not None and not document["clients"]

        def run(tenant, *arguments):
            client = dict(os.environ, PAELLA_SOCKET=socket, PAELLA_TENANT=tenant, LD_PRELOAD=libpaella,
                          PAELLA_REAL_DRIVER="/nonexistent", PAELLA_LOG="stderr")
            result = subprocess.run([program, *arguments], env=client, capture_output=True, text=True,
                                    timeout=PROGRAM_S, check=False)
            print(f"--- {tenant}: {' '.join(arguments)}: {result.returncode}\n{result.stdout}")
            if result.returncode != 0:
                print(result.stderr)
            # What it had comes back soon after its end, not before it.
            return result.returncode == 0 and wait_until(nobody_is_connected, START_S)

        log_path = os.path.join(folder, "paellad.log")
        with open(log_path, "w", encoding="utf-8") as log:
            daemon = subprocess.Popen([paellad, "--driver", simulated, "--socket", socket, "--control-socket", control],
                                      env=environment, stdout=log, stderr=log)
            try:
                good = (wait_until(nobody_is_connected, START_S) and run("one", "leave") and run("two", "zero")
                        and run("two", "leave") and run("three", "check", "--misuse") and run("one", "zero"))
                # Whatever the clients did, the executor that served them is the first one.
                good = good and status()["daemon"]["executor_restarts"] == 0
            finally:
                daemon.terminate()
                try:
                    daemon.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    good = False
        if not good:
            with open(log_path, encoding="utf-8", errors="replace") as log:
                print(log.read())
    return 0 if good else 1


sys.exit(main())
