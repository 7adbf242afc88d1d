"""scripts/experiments/colocate.py over the simulated GPU: what it measures is there, it goes on where
it stopped, and mixes no settings. No figure is looked at.

usage: colocate_test.py --build FOLDER --driver LIBCUDA
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "scripts", "experiments", "colocate.py")
options = argparse.Namespace(build=None, driver=None)


class Colocate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.json = os.path.join(folder.name, "points.json")

    def run_script(self, *arguments, seconds="0.2"):
        return subprocess.run(
            [sys.executable, SCRIPT, "--build", options.build, "--driver", options.driver,
             "--latency", "--iterations 10 --blocks 1 --burst 2 --period-ms 20",
             "--neighbour", "--iterations 50 --blocks 8", "--seconds", seconds, "--json", self.json,
             *arguments], capture_output=True, text=True, timeout=200, check=False)

    def points(self):
        with open(self.json, encoding="utf-8") as file:
            return json.load(file)["points"]

    def test_measures_goes_on_and_mixes_nothing(self):
        arrangements = ("--arrangements", "priority", "paella threshold_ms=2")
        first = self.run_script(*arrangements, "--rounds", "1")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual([point["arrangement"] for point in self.points()],
                         ["alone", "priority", "paella threshold_ms=2"])
        for point in self.points():
            self.assertGreater(point["p50_ms"], 0)
            self.assertGreater(point["neighbour_per_s"], 0)
        self.assertIn("| paella threshold_ms=2 | 1 |", first.stdout)
        before = self.points()
        again = self.run_script(*arrangements, "--rounds", "1")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(self.points(), before)
        other = self.run_script(*arrangements, seconds="0.3")
        self.assertIn("has points of other settings", other.stderr)
        self.assertEqual(self.points(), before)

    def test_refuses_what_the_simulated_gpu_cannot_show(self):
        native = self.run_script("--arrangements", "mps")
        self.assertIn("a simulated GPU of its own", native.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--driver", required=True)
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
