#!/usr/bin/env python3
"""Runs a command through a paellad of its own, over a given driver; exits as the command does.

    run_through_paella.py --paellad P --paellactl C --library L --driver D -- command argument ...

Every wait is bounded. The daemon must still be there, and serve, when the command is over.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

START_TIMEOUT_S = 60
STATUS_TIMEOUT_S = 10
STOP_TIMEOUT_S = 15


def serves(options, socket):
    try:
        answer = subprocess.run([options.paellactl, "status", "--json", "--socket", socket], capture_output=True,
                                timeout=STATUS_TIMEOUT_S, check=False)
        return answer.returncode == 0 and json.loads(answer.stdout).get("device") is not None
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return False


def wait_until_serving(options, daemon, socket):
    deadline = time.monotonic() + START_TIMEOUT_S
    while daemon.poll() is None and time.monotonic() < deadline:
        if os.path.exists(socket) and serves(options, socket):
            return True
        time.sleep(0.05)
    return False


def run_client(options, socket):
    environment = dict(os.environ, LD_PRELOAD=options.library, PAELLA_SOCKET=socket)
    process = subprocess.Popen(options.command, env=environment, start_new_session=True)
    try:
        return process.wait(options.timeout_s)
    except subprocess.TimeoutExpired:
        print(f"the command took more than {options.timeout_s} s", file=sys.stderr)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return 1


def stop(daemon):
    daemon.terminate()
    try:
        daemon.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paellad", required=True)
    parser.add_argument("--paellactl", required=True)
    parser.add_argument("--library", required=True, help="libpaella.so")
    parser.add_argument("--driver", required=True, help="what the daemon takes for the CUDA driver")
    parser.add_argument("--timeout-s", type=float, default=500)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:  # a short path: sockets lie in it
        socket = os.path.join(folder, "gpu.sock")
        daemon = subprocess.Popen([options.paellad, "--socket", socket, "--driver", options.driver, "--drain-seconds",
                                   "2"], start_new_session=True)
        try:
            if not wait_until_serving(options, daemon, socket):
                sys.exit("paellad does not serve")
            status = run_client(options, socket)
            if not wait_until_serving(options, daemon, socket):
                sys.exit("paellad does not serve any more")
        finally:
            stop(daemon)
    sys.exit(status)


if __name__ == "__main__":
    main()
