"""The experiments of scripts/experiments with programs that need no PyTorch (stand_in.py): what they
measure is there, what is wrong is told, and they go on where they stopped. No figure is judged.

usage: experiments_test.py [--build FOLDER --driver LIBCUDA]   without these, natively alone
"""
import argparse
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

HERE = os.path.dirname(os.path.abspath(__file__))
EXPERIMENTS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts", "experiments")
STAND_IN = os.path.join(HERE, "stand_in.py")
MODELS = 8
sys.path.insert(0, EXPERIMENTS)

import answering  # noqa: E402
import colocate_torch  # noqa: E402
import experiment  # noqa: E402
import mix  # noqa: E402
import serving  # noqa: E402
import start_beside  # noqa: E402
from process import wait_until  # noqa: E402

options = argparse.Namespace(build=None, driver=None)


class Arrivals(unittest.TestCase):
    def test_exactly_so_many_come_and_the_same_each_time(self):
        one, same, other = (serving.mixed_arrivals(1000, 2, 3, seed, mix.SHARES) for seed in (1, 1, 2))
        moments = sorted(moment for arrivals in one.values() for moment in arrivals)
        self.assertEqual(len(moments), 3000)
        self.assertGreater(moments[0], 0)
        self.assertLess(moments[-1], 3)
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)

    def test_models_have_their_shares(self):
        arrivals = serving.mixed_arrivals(10000, 2, 3, 1, mix.SHARES)
        for model, share in mix.SHARES.items():
            self.assertAlmostEqual(len(arrivals[model]) / 30000, share, delta=0.01)

    def test_poisson_arrivals_end_in_time(self):
        arrivals = serving.poisson_arrivals(1000, 2, 1)
        self.assertEqual(arrivals, sorted(arrivals))
        self.assertLess(arrivals[-1], 2)
        self.assertAlmostEqual(len(arrivals), 2000, delta=200)


class Serving(unittest.TestCase):
    def test_a_request_that_waits_pays_for_that(self):
        start = time.perf_counter()
        latencies, unserved, wrong = answering.serve(lambda: time.sleep(0.01) or b"x", b"x", [0.0] * 3,
                                                     start, start + 100)
        self.assertEqual((len(latencies), unserved, wrong), (3, 0, 0))
        self.assertGreaterEqual(latencies[2], 0.03)

    def test_what_cannot_be_served_in_time_is_given_up(self):
        now = time.perf_counter()
        latencies, unserved, _ = answering.serve(lambda: b"", b"", [0.0, 1.0, 20.0], now - 10, now)
        self.assertEqual(unserved, 3)
        for latency, waited in zip(latencies, (10, 9, 0)):
            self.assertAlmostEqual(latency, waited)

    def test_wrong_answers_are_counted(self):
        answers = iter((b"right", b"wrong", b"right"))
        _, _, wrong = answering.serve(lambda: next(answers), b"right", [0.0] * 3, 0.0, float("inf"))
        self.assertEqual(wrong, 1)

    def test_figures_of_several_streams(self):
        figures = serving.figures([serving.Served([0.0, 0.5], [0.1, 0.7], 0),
                                   serving.Served([0.2, 0.9], [0.3, 9.0], 1)], 1.0)
        self.assertEqual({key: figures[key] for key in ("requests", "unserved", "done_per_s")},
                         {"requests": 4, "unserved": 1, "done_per_s": 2})
        self.assertAlmostEqual(figures["mean_ms"], 2525)
        self.assertAlmostEqual(figures["p50_ms"], 300)
        self.assertAlmostEqual(figures["p99_ms"], 9000)


def no_points():
    return experiment.Points(argparse.Namespace(json=None, driver="none"), "test", {})


class HighestRate(unittest.TestCase):
    def test_lies_between_the_rates_around_the_bound(self):
        self.assertEqual(mix.highest_rate({400: 5, 1000: 10, 2000: 40}), (1500, ""))

    def test_beyond_what_was_measured_it_is_a_bound(self):
        self.assertEqual(mix.highest_rate({400: 5, 1000: 10}), (1000, ">="))
        self.assertEqual(mix.highest_rate({400: 21, 1000: 30}), (400, "<"))

    def test_ratios_of_bounds_are_bounds_or_nothing(self):
        self.assertEqual(mix.ratio_of_highest((1500, ""), (1000, "")), "1.50")
        self.assertEqual(mix.ratio_of_highest((2000, ">="), (1000, "")), ">= 2.00")
        self.assertEqual(mix.ratio_of_highest((400, "<"), (1000, "")), "< 0.40")
        self.assertEqual(mix.ratio_of_highest((2000, ">="), (2000, ">=")), "-")


class FromPoints(unittest.TestCase):
    def test_what_is_left_of_the_gpu(self):
        points = no_points()
        points.add({"neighbour_per_s": 100, "gpu_ms": 2}, arrangement="alone")
        points.add({"done_per_s": 200}, arrangement="fifo")
        self.assertAlmostEqual(colocate_torch.what_is_left(points, "alone"), 100)
        self.assertAlmostEqual(colocate_torch.what_is_left(points, "fifo"), 60)

    def test_ratios_are_of_one_round(self):
        points = no_points()
        for number, (alone, fifo) in enumerate(((1, 2), (2, 8), (4, 12))):
            points.add({"p99_ms": alone}, arrangement="alone", round=number)
            points.add({"p99_ms": fifo}, arrangement="fifo", round=number)
        points.add({"p99_ms": 100}, arrangement="fifo", round=3)
        self.assertEqual(points.ratio("p99_ms", "alone", arrangement="fifo"), 3)
        self.assertIsNone(points.ratio("p99_ms", "mps", arrangement="fifo"))

    def test_without_a_round_in_common_there_is_no_ratio(self):
        points = no_points()
        figures = {"p50_ms": 1, "p99_ms": 1, "unserved": 0, "done_per_s": 1, "neighbour_per_s": 1, "gpu_ms": 1}
        points.add(figures, arrangement="alone", round=0)
        points.add(figures, arrangement="fifo", round=1)
        self.assertIn("| fifo | 1 | 1.000 | 1.000 | - |", colocate_torch.table(points)[-1])

    def test_plots_show_each_arrangement(self):
        points = no_points()
        for name in ("alone", "fifo"):
            points.add({"neighbour_per_s": 100, "gpu_ms": 2, "done_per_s": 200, "p99_ms": 3,
                        "p99_without_ms": 2, "rate": 400}, arrangement=name)
        for draw in (lambda pyplot: mix.draw(points, [400], pyplot),
                     lambda pyplot: colocate_torch.draw(points, pyplot)):
            pyplot = unittest.mock.MagicMock()
            draw(pyplot)
            drawn = pyplot.plot.call_args_list + pyplot.scatter.call_args_list
            self.assertEqual([call.kwargs["label"] for call in drawn], ["alone", "fifo"])
        pyplot = unittest.mock.MagicMock()
        start_beside.draw(points, pyplot)
        self.assertEqual([call.args for call in pyplot.scatter.call_args_list],
                         [(["alone", "fifo"], [2, 2]), (["alone", "fifo"], [3, 3])])


class Scripts(unittest.TestCase):
    """Each script as a user starts it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.json = os.path.join(folder.name, "points.json")

    def start_script(self, name, *arguments, settings=None):
        where = (["--build", options.build, "--driver", options.driver] if options.driver
                 else ["--build", self.folder])
        return subprocess.Popen(
            [sys.executable, os.path.join(EXPERIMENTS, name), *where, "--server", STAND_IN, "--json", self.json,
             "--grace-s", "20", *arguments],
            env=os.environ | (settings or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_script(self, name, *arguments, settings=None):
        with self.start_script(name, *arguments, settings=settings) as script:
            try:
                out, err = script.communicate(timeout=240)
            finally:
                script.terminate()
        return subprocess.CompletedProcess(name, script.returncode, out, err)

    def mix(self, *arguments, **settings):
        return self.run_script("mix.py", "--rates", "200", "100", "--seconds", "0.2", *arguments,
                               settings=settings)

    def pair(self, *arguments, **settings):
        return self.run_script("colocate_torch.py", "--busy", STAND_IN, "--rate", "100", "--seconds", "0.3",
                               "--grace-s", "1", *arguments, settings=settings)

    def starts(self, *arguments, **settings):
        return self.run_script("start_beside.py", "--starting", STAND_IN + " --once", "--rate", "100",
                               "--seconds", "0.3", *arguments, settings=settings)

    def document(self):
        with open(self.json, encoding="utf-8") as file:
            return json.load(file)

    def points(self):
        return self.document()["points"] if os.path.exists(self.json) else []

    def arrangements(self):
        return [point["arrangement"] for point in self.points()]


@unittest.skipIf("--driver" in sys.argv, "each program would have a simulated GPU of its own")
class Natively(Scripts):
    NATIVE = ("--arrangements", "time-sliced")

    def fake_mps(self):
        """A nvidia-cuda-mps-control that notes how it was called; returns what names it and the notes."""
        path, notes = os.path.join(self.folder, "nvidia-cuda-mps-control"), os.path.join(self.folder, "notes")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nif [ "$1" = -d ]; then echo begin; else cat; fi >> "{notes}"\n')
        os.chmod(path, stat.S_IRWXU)
        return {"PATH": self.folder + os.pathsep + os.environ["PATH"]}, notes

    def test_mix_measures_each_rate_and_goes_on(self):
        first = self.mix(*self.NATIVE)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual([point["rate"] for point in self.points()], [100, 200])
        self.assertEqual([point["requests"] for point in self.points()], [20, 40])
        self.assertEqual(len(self.document()["reference"]["fingerprints"]), MODELS)
        self.assertIn("| time-sliced | 200 | 1 |", first.stdout)
        self.assertIn("| arrangement | highest rate with p99 <= 20 ms | / MPS |", first.stdout)
        kept = self.document()
        kept["points"].pop()
        with open(self.json, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        self.assertEqual(self.mix(*self.NATIVE).returncode, 0)
        self.assertEqual([point["rate"] for point in self.points()], [100, 200])
        self.assertEqual(self.points()[0], kept["points"][0])

    def test_mps_begins_and_ends_and_gives_the_ratios(self):
        settings, notes = self.fake_mps()
        run = self.mix("--arrangements", "mps", "time-sliced", "--rounds", "2", **settings)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.arrangements(), ["mps"] * 2 + ["time-sliced"] * 4 + ["mps"] * 2)
        self.assertRegex(run.stdout, r"\| mps \| 100 \| 2 \|.*\| 1.00 \| 1.00 \| 1.00 \|")
        with open(notes, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["begin", "quit"] * 2)

    def test_mps_ends_when_a_program_fails(self):
        settings, notes = self.fake_mps()
        run = self.mix("--arrangements", "mps", STAND_IN_FAULT="googlenet:dies", **settings)
        self.assertEqual(run.returncode, 1)
        with open(notes, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["begin", "quit"])

    def test_mps_ends_when_the_script_is_stopped(self):
        settings, notes = self.fake_mps()
        script = self.start_script("mix.py", "--arrangements", "mps", "--seconds", "100", settings=settings)
        with script:
            self.assertTrue(wait_until(lambda: os.path.exists(notes), 100))
            script.terminate()
            script.communicate(timeout=100)
        self.assertEqual(script.returncode, 128 + signal.SIGTERM)
        with open(notes, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["begin", "quit"])

    def test_an_arrangement_that_fails_stops_no_other(self):
        run = self.mix("--arrangements", "mps", "time-sliced", PATH="/nonexistent")
        self.assertEqual(run.returncode, 1)
        self.assertIn("mps: there is no MPS here", run.stderr)
        self.assertEqual(self.arrangements(), ["time-sliced"] * 2)

    def test_a_program_that_fails_is_told(self):
        for fault, words in (("resnet34:refuses", "ValueError: it cannot"),
                             ("resnet34:wrong", "resnet34: .* wrong answers"),
                             ("resnet34:dies", "no answer to 'serve(.|\n)*exit status 3")):
            run = self.mix(*self.NATIVE, STAND_IN_FAULT=fault)
            self.assertEqual(run.returncode, 1, fault)
            self.assertRegex(run.stderr, words)
            self.assertEqual(self.points(), [], fault)

    def test_mixes_no_settings_and_no_machines(self):
        self.assertEqual(self.mix(*self.NATIVE, "--rates", "100").returncode, 0)
        self.assertIn("has points of other settings", self.mix(*self.NATIVE, "--seed", "7").stderr)
        elsewhere = self.document() | {"machine": {"gpu": "another"}}
        with open(self.json, "w", encoding="utf-8") as file:
            json.dump(elsewhere, file)
        self.assertIn("has points of other machine", self.mix(*self.NATIVE).stderr)
        self.assertEqual(self.document(), elsewhere)

    def test_refuses_nonsense(self):
        for arguments in (("--rates", "0"), ("--rates", "nan"), ("--seconds", "-1"), ("--rounds", "0")):
            run = self.mix(*self.NATIVE, *arguments)
            self.assertEqual(run.returncode, 2, arguments)
            self.assertIn("positive", run.stderr)

    def test_begins_nothing_when_the_limit_is_over(self):
        run = self.mix(*self.NATIVE, "--limit-s", "0")
        self.assertEqual(run.returncode, 1)
        self.assertIn("--limit-s is over", run.stderr)

    def test_a_pair_is_set_against_what_is_left(self):
        run = self.pair(*self.NATIVE)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.arrangements(), ["alone", "time-sliced"])
        for point in self.points():
            self.assertGreater(point["neighbour_per_s"], 0)

    def test_a_pair_kept_together_is_started_once(self):
        notes = os.path.join(self.folder, "starts")
        run = self.pair(*self.NATIVE, "--together", "--rounds", "3", STAND_IN_NOTES=notes)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.arrangements(), ["alone", "time-sliced", "time-sliced", "alone", "alone", "time-sliced"])
        with open(notes, encoding="utf-8") as file:
            self.assertEqual(len(file.readlines()), 4, "two programs of each arrangement")

    def test_what_failed_together_is_not_started_again(self):
        run = self.pair(*self.NATIVE, "--together", "--rounds", "2", STAND_IN_FAULT="resnet50:refuses")
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stderr.count("ValueError: it cannot"), 1)
        self.assertIn("alone: its programs failed before", run.stderr)

    def test_what_fails_together_ends_and_others_go_on(self):
        run = self.mix("--arrangements", "time-sliced", "--together", "--rounds", "2", STAND_IN_FAULT="resnet34:dies")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, "no answer to 'serve(.|\n)*exit status 3")
        self.assertIn("time-sliced: its programs failed before", run.stderr)

    def test_a_pair_without_native_answers_is_not_measured(self):
        run = self.pair(*self.NATIVE, STAND_IN_FAULT="resnet50:refuses")
        self.assertEqual(run.returncode, 1)
        self.assertIn("no native answers to compare with", run.stderr)

    def test_starts_are_counted(self):
        run = self.starts(*self.NATIVE)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertGreaterEqual(self.points()[0]["starts"], 1)
        self.assertGreater(self.points()[0]["p99_without_ms"], 0)

    def test_a_start_that_fails_is_told(self):
        run = self.run_script("start_beside.py", *self.NATIVE, "--starting", os.path.join(self.folder, "none.py"))
        self.assertEqual(run.returncode, 1)
        self.assertIn("none.py", run.stderr)


@unittest.skipUnless("--driver" in sys.argv, "needs a build")
class ThroughPaella(Scripts):
    POLICIES = ("--arrangements", "priority", "paella threshold_ms=2")

    def test_mix(self):
        run = self.mix(*self.POLICIES)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.arrangements(), ["priority"] * 2 + ["paella threshold_ms=2"] * 2)
        self.assertIn("| paella threshold_ms=2 | 200 | 1 |", run.stdout)

    def test_an_answer_that_is_not_the_native_one_is_told(self):
        run = self.mix("--arrangements", "fifo", STAND_IN_FAULT="densenet121:differs")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, "densenet121: the answer is [0-9a-f]+, natively [0-9a-f]+")
        self.assertEqual(self.points(), [])

    def test_pair(self):
        run = self.pair(*self.POLICIES)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.arrangements(), ["alone", "priority", "paella threshold_ms=2"])

    def test_starts(self):
        run = self.starts(*self.POLICIES)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.arrangements(), ["priority", "paella threshold_ms=2"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build")
    parser.add_argument("--driver")
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
