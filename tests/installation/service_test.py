#!/usr/bin/env python3
"""paellad as systemd and an operator see it, over the simulated GPU: notices, paellactl, clients by `paellactl run`,
errors at the start, and the end by SIGTERM. It waits for what happens (systemd's notices, a process's end), each within
a bound.

usage: service_test.py PAELLAD PAELLACTL SIMULATED_DRIVER VECTOR_ADD
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PAELLAD, PAELLACTL, DRIVER, VECTOR_ADD = sys.argv[1:5]
PATIENCE_S = 30  # a bound on every wait, never waited out


class Service:
    """A paellad with a socket for its notices, as systemd starts it."""

    def __init__(self, folder, *arguments, watchdog_us=None):
        self.socket = str(folder / "gpu0.sock")
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(folder / "notify"))
        self.notices.settimeout(PATIENCE_S)
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "XDG_RUNTIME_DIR": str(folder)}
        if watchdog_us is not None:
            environment["WATCHDOG_USEC"] = str(watchdog_us)
        self.log = open(folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen([PAELLAD, "--driver", DRIVER, "--socket", self.socket, *arguments],
                                        env=environment, stderr=self.log, stdout=self.log)

    def wait_for(self, notice):
        while self.notices.recv(4096).decode() != notice:
            pass

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        self.notices.close()
        self.log.close()


class ServiceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="paella_test_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, *arguments, **options):
        service = Service(self.folder, *arguments, **options)
        self.addCleanup(service.close)
        service.wait_for("READY=1")
        return service

    def paellactl(self, *words, status=0):
        done = subprocess.run([PAELLACTL, *words], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def test_systemd_is_told(self):
        service = self.start(watchdog_us=1_000_000)
        service.wait_for("WATCHDOG=1")
        service.wait_for("WATCHDOG=1")
        self.assertEqual(service.stop(), 0)
        service.wait_for("STOPPING=1")
        self.assertFalse(pathlib.Path(service.socket).exists())
        self.assertFalse(pathlib.Path(service.socket + ".control").exists())

    # Nobody reads the notices here: were there one for each turn of the daemon, it would stand still before the end.
    def test_without_a_watchdog_there_are_no_notices_of_it(self):
        service = self.start()
        for _ in range(40):
            self.paellactl("policy", "get", "--socket", service.socket)
        self.assertEqual(service.stop(), 0)
        self.assertEqual(service.notices.recv(4096).decode(), "STOPPING=1")

    def test_status_and_policy(self):
        service = self.start("--policy", "fifo")
        at = ("--socket", service.socket)
        document = json.loads(self.paellactl("status", "--json", *at).stdout)
        self.assertEqual(document["daemon"]["pid"], service.process.pid)
        self.assertEqual(document["policy"], "fifo")
        self.assertEqual(document["clients"], [])
        self.assertGreater(document["device"]["total_memory_bytes"], 0)
        self.assertIn(document["device"]["name"], self.paellactl("status", *at).stdout)
        self.paellactl("policy", "set", "round-robin", *at)
        self.assertEqual(self.paellactl("policy", "get", *at).stdout, "round-robin\n")
        refused = self.paellactl("policy", "set", "lifo", *at, status=1)
        self.assertIn("there is no policy 'lifo'", refused.stderr)
        self.assertEqual(self.paellactl("policy", "get", *at).stdout, "round-robin\n")

    def test_a_program_runs_by_paellactl(self):
        service = self.start()
        done = self.paellactl("run", "--tenant=team-a", "--socket", service.socket, "--", VECTOR_ADD)
        self.assertIn("checks=ok", done.stdout)
        self.assertEqual(service.stop(), 0)
        service.log.seek(0)
        self.assertIn("team-a", service.log.read())

    def test_a_second_daemon_does_not_take_the_socket(self):
        service = self.start()
        second = subprocess.run([PAELLAD, "--driver", DRIVER, "--socket", service.socket], capture_output=True,
                                text=True, timeout=PATIENCE_S)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("another daemon listens here", second.stdout + second.stderr)
        self.paellactl("policy", "get", "--socket", service.socket)

    def test_a_killed_daemon_is_replaced(self):
        service = self.start()
        service.process.kill()
        service.close()
        (self.folder / "notify").unlink()
        self.paellactl("status", "--socket", service.socket, status=1)
        again = self.start()
        self.paellactl("status", "--socket", again.socket)

    def test_mistakes_in_the_configuration_are_said(self):
        config = self.folder / "paellad.toml"
        config.write_text("device = 0\npolice = 'fifo'\n", encoding="utf-8")
        done = subprocess.run([PAELLAD, "--config", str(config)], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, f"paellad: {config}:2: unknown key 'police'\n")

    def test_a_missing_driver_is_said(self):
        done = subprocess.run([PAELLAD, "--driver", "/nonexistent/libcuda.so.1", "--socket", str(self.folder / "s")],
                              capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/libcuda.so.1", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
