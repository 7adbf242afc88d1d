"""What compare_frameworks.py makes of its pairs, and how it asks its workers, with a worker that
needs no framework."""
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0:0] = [os.path.join(HERE, "frameworks"),
                 os.path.join(os.path.dirname(HERE), "gpu", "gpu_check")]

import asked  # noqa: E402
import place  # noqa: E402
import ratios  # noqa: E402
import report  # noqa: E402

WORKLOADS = """
def counting():
    return lambda: print("a line of a framework")

def failing():
    raise ValueError("it cannot")

def ending():
    import os
    os._exit(3)
"""


class Ratios(unittest.TestCase):
    def row(self, *pairs, at_most=1.0, least_pairs=5):
        return ratios.Row("name", "what", "ms", at_most, list(pairs), least_pairs).summary()

    def test_the_median_of_the_ratios_is_judged(self):
        summary = self.row((10.0, 5.0), (10.0, 6.0), (100.0, 1000.0), (1.0, 0.7), (2.0, 1.0))
        self.assertEqual(summary["ratio_median"], 0.6)
        self.assertTrue(summary["met"])
        self.assertFalse(self.row(*[(1.0, 1.1)] * 5)["met"])

    def test_too_few_pairs_are_not_judged(self):
        self.assertIsNone(self.row((1.0, 0.5))["met"])
        self.assertTrue(self.row((1.0, 0.5), least_pairs=1)["met"])
        self.assertIsNone(self.row()["ratio_median"])

    def test_the_table(self):
        lines = ratios.table([self.row(*[(2.0, 1.0)] * 5), self.row()])
        self.assertEqual(lines[2],
                         "| name: what | ms | 2 | 1 | 0.500 (0.500-0.500) | <= 1 | yes |  |")
        self.assertIn("| - | - | - | <= 1 | - |", lines[3])


class Workers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with open(os.path.join(folder.name, "workloads_of_test.py"), "w", encoding="utf-8") as file:
            file.write(WORKLOADS)
        os.environ["PYTHONPATH"] = folder.name
        self.addCleanup(os.environ.pop, "PYTHONPATH")
        self.machine = place.Place(folder.name, None, "fifo", folder.name, folder.name, 60)
        self.addCleanup(self.machine.close)
        self.worker = asked.Worker(self.machine, "workloads_of_test", None, folder.name)

    def test_a_round_gives_a_time(self):
        self.worker.prepare("counting")
        self.assertGreater(self.worker.round_ms("counting", 0.01), 0)
        self.worker.end()

    def test_an_error_is_told_and_the_worker_goes_on(self):
        with self.assertRaisesRegex(report.CheckFailed, "ValueError: it cannot"):
            self.worker.prepare("failing")
        self.worker.prepare("counting")

    def test_a_worker_that_ends_is_noticed(self):
        with self.assertRaisesRegex(report.CheckFailed, "exit status 3"):
            self.worker.prepare("ending")
        with self.assertRaisesRegex(report.CheckFailed, "it has ended"):
            self.worker.prepare("counting")


if __name__ == "__main__":
    unittest.main()
