"""What scripts/compat.py makes of programs' records and of its rows, without a GPU; with --build,
one row of it over the simulated GPU.

usage: compatibility_test.py [--build FOLDER --driver LIBCUDA] [unittest's arguments]
"""
import argparse
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

GPU = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(GPU))
FOLDERS = (f"{GPU}/compatibility", f"{GPU}/compatibility/programs", f"{GPU}/gpu_check",
           f"{ROOT}/examples")
sys.path[0:0] = FOLDERS

import document  # noqa: E402
import outputs  # noqa: E402
import place  # noqa: E402
import programs_list  # noqa: E402
import recorder  # noqa: E402
import request_loop  # noqa: E402
import runner  # noqa: E402
import watch  # noqa: E402

COMPAT = os.path.join(ROOT, "scripts", "compat.py")
options = argparse.Namespace(build=None, driver=None)


def floats(*values, kind="f", dtype="float32"):
    return outputs.Output(dtype, (len(values),), struct.pack(f"<{len(values)}{kind}", *values))


def section(**found):
    return outputs.Section(found, ended=True)


class Records(unittest.TestCase):
    def written(self, *sections):
        file = io.BytesIO()
        record = recorder.Recorder(file)
        for name, function in sections:
            record.run(name, function)
        return file.getvalue()

    def test_what_is_recorded_is_read(self):
        found = outputs.read(self.written(("one",
                                           lambda record: record.outputs(a=[1, 2], b="text")),
                                          ("two", lambda record: record.output("c", True))))
        self.assertEqual(found["one"].outputs["a"], outputs.Output("json", (), b"[1, 2]"))
        self.assertTrue(found["one"].ended and found["two"].ended)
        self.assertEqual(found["two"].outputs["c"].content, b"true")

    def test_an_error_ends_a_section_and_not_the_program(self):
        def fails(record):
            record.output("before", 1)
            raise ValueError("it is wrong")

        def lacks(record):
            import a_package_that_nobody_has  # noqa: F401

        with unittest.mock.patch("traceback.print_exc"):
            found = outputs.read(self.written(("fails", fails), ("lacks", lacks),
                                              ("works", lambda record: None)))
        self.assertEqual(found["fails"].error, "ValueError: it is wrong")
        self.assertIn("before", found["fails"].outputs)
        self.assertEqual(found["lacks"].missing, "a_package_that_nobody_has")
        self.assertTrue(found["works"].ended)

    def test_a_record_cut_short_by_a_crash_counts_up_to_there(self):
        whole = self.written(("one", lambda record: record.outputs(a="first", b="second")))
        cut = whole[:whole.index(b'"second"') + 3]
        found = outputs.read(cut)["one"]
        self.assertEqual(list(found.outputs), ["a"])
        self.assertFalse(found.ended)


class Comparisons(unittest.TestCase):
    def test_equal_bits(self):
        one = section(a=floats(1.5, float("nan")))
        self.assertEqual(outputs.compare(one, one, one), outputs.Comparison(outputs.EQUAL, True))

    def test_one_bit_is_a_difference_where_native_runs_are_equal(self):
        native, paella = section(a=floats(1.0), b=floats(1.0)), section(a=floats(1.0),
                                                                        b=floats(1.0000001))
        comparison = outputs.compare(native, native, paella)
        self.assertEqual((comparison.verdict, comparison.repeatable), (outputs.DIFFERENT, True))
        self.assertIn("b: 1 of 1 values differ", comparison.detail)

    def test_a_tolerance_where_native_runs_differ(self):
        first, second = section(a=floats(100.0, 1.0)), section(a=floats(100.001, 1.0))
        near, far = section(a=floats(100.0, 1.005)), section(a=floats(100.0, 1.5))
        self.assertEqual(outputs.compare(first, second, near).verdict, outputs.WITHIN_TOLERANCE)
        self.assertEqual(outputs.compare(first, second, far).verdict, outputs.DIFFERENT)
        self.assertFalse(outputs.compare(first, second, near).repeatable)

    def test_integers_have_no_tolerance(self):
        first, second, paella = (section(a=outputs.Output("int64", (1,), bytes([value] * 8)))
                                 for value in (1, 2, 1))
        self.assertEqual(outputs.compare(first, second, paella).verdict, outputs.DIFFERENT)

    def test_no_number_is_not_near_a_number(self):
        first, second, paella = (section(a=floats(value)) for value in (1.0, 2.0, float("nan")))
        self.assertEqual(outputs.compare(first, second, paella).verdict, outputs.DIFFERENT)

    def test_an_output_that_is_lacking_is_a_difference(self):
        native, paella = section(a=floats(1.0), b=floats(2.0)), section(a=floats(1.0))
        self.assertIn("through Paella there is none",
                      outputs.compare(native, native, paella).detail)
        self.assertIn("natively there is none", outputs.compare(paella, paella, native).detail)

    def test_another_shape_is_a_difference(self):
        flat = outputs.Output("float32", (1, 1), floats(1.0).content)
        native, paella = section(a=floats(1.0)), section(a=flat)
        self.assertEqual(outputs.compare(native, native, paella).verdict, outputs.DIFFERENT)

    def test_values_of_short_floats(self):
        self.assertEqual(outputs.values_of(floats(0x3FC0, 0xBF80, kind="H", dtype="bfloat16")),
                         [1.5, -1.0])
        self.assertEqual(outputs.values_of(floats(1.5, kind="e", dtype="float16")), [1.5])


class ListOfPrograms(unittest.TestCase):
    def test_each_row_has_a_name_of_its_own(self):
        titles = [f"{program.family}/{name}"
                  for program, names in programs_list.chosen(None) for name in names]
        self.assertEqual(sorted(titles), sorted(set(titles)))
        self.assertGreater(len(titles), 100)

    def test_each_file_is_there_and_each_named_section_is_marked_in_it(self):
        for program in programs_list.PROGRAM_LIST:
            if program.kind == "binary":
                continue
            self.assertTrue(os.path.exists(program.path()), program.path())
            if program.kind == "python" and program.sections and program.file != "torch_models.py":
                self.assertLessEqual(set(program.sections),
                                     set(programs_list.marked_functions(program.path())))

    def test_each_file_of_programs_is_run(self):
        shared = {"recorder.py", "torch_base.py"}
        files = {name for name in os.listdir(programs_list.PROGRAMS)
                 if name.endswith(".py")} - shared
        self.assertEqual(files,
                         {program.file for program in programs_list.PROGRAM_LIST
                          if program.kind == "python"})

    def test_patterns(self):
        self.assertTrue(programs_list.matches("CuPy/streams", None))
        self.assertTrue(programs_list.matches("CuPy/streams", "CuPy"))
        self.assertTrue(programs_list.matches("CuPy/streams", "*/streams"))
        self.assertFalse(programs_list.matches("CuPy/streams", "JAX"))


class Rows(unittest.TestCase):
    def test_refused_functions_come_from_the_client_log(self):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            log.write("paella: unsupported: cuTwo\npaella:   at main\npaella: unsupported: cuOne\n"
                      "paella: unsupported: cuTwo\npaella: else\n")
            log.flush()
            self.assertEqual(runner.unsupported_functions(log.name), ["cuOne", "cuTwo"])
        self.assertEqual(runner.unsupported_functions("/nonexistent"), [])

    def test_chosen_values_are_those_of_the_last_line_of_json(self):
        text = 'words\n{"tokens": [1], "seconds": 2}\n{"tokens": [3], "seconds": 4}\nmore'
        self.assertEqual(runner._chosen_values(text, ("tokens", "other")), {"tokens": [3]})


class FakeMachine(place.Place):
    """What runs through Paella runs as what runs natively does, but knows that it is."""

    is_simulated = True
    sees_clients = True

    def start_paella(self, arguments, tenant=None, settings=None):
        return self.start_native(arguments, (settings or {}) | {"THROUGH_PAELLA": "1"})

    def native_settings(self):
        return {}

    def saw_client(self, tenant):
        return self.sees_clients

    def status(self):
        return {}


PROGRAM = """
import os, sys
sys.path.insert(0, {programs!r})
from recorder import main, section
through_paella = "THROUGH_PAELLA" in os.environ

@section
def same(record):
    record.output("value", 3)

@section
def other(record):
    record.output("value", 4 if through_paella else 3)

@section
def fails(record):
    if through_paella:
        raise ValueError("only through Paella")
    record.output("value", 3)

@section
def fails_natively(record):
    raise ValueError("in both")

@section
def unsteady(record):
    record.output("value", os.getpid())

@section
def unsteady_now_and_then(record):
    with open(__file__ + ".runs", "a+") as file:
        file.write("run\\n")
        record.output("value", int(through_paella or file.tell() > 3 * len("run\\n")))

@section
def crashes(record):
    record.output("value", 3)
    if through_paella:
        os.abort()

@section
def lacks(record):
    import a_package_that_nobody_has

main()
"""


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "program.py")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(PROGRAM.format(programs=programs_list.PROGRAMS))
        self.machine = FakeMachine(folder.name, None, "fifo", folder.name, folder.name, 120)
        self.addCleanup(self.machine.close)
        self.runner = runner.Runner(self.machine, watch.Watch(self.machine), folder.name)

    def outcomes(self, *sections):
        rows = self.runner.run(programs_list.Program("Family", self.file), list(sections))
        return {row.name: row for row in rows}

    def test_each_section_is_judged_by_itself(self):
        rows = self.outcomes("same", "other", "fails", "fails_natively", "lacks", "unsteady")
        self.assertEqual({name: row.outcome for name, row in rows.items()},
                         {"same": "passed", "other": "failed", "fails": "failed",
                          "fails_natively": "fails natively", "lacks": "not installed",
                          "unsteady": "failed"})
        self.assertEqual(rows["other"].note, "value: natively 3, through Paella 4")
        self.assertEqual(rows["fails"].note, "ValueError: only through Paella")
        self.assertEqual(rows["lacks"].note, "a_package_that_nobody_has")
        self.assertFalse(rows["unsteady"].repeatable)

    def test_what_differs_is_run_natively_again(self):
        rows = self.outcomes("other", "unsteady_now_and_then")
        self.assertTrue(rows["other"].repeatable)
        self.assertFalse(rows["unsteady_now_and_then"].repeatable)

    def test_a_crash_fails_its_section_and_those_that_would_have_followed(self):
        rows = self.outcomes("same", "crashes", "other")
        self.assertEqual([row.outcome for row in rows.values()], ["passed", "failed", "failed"])
        self.assertIn("signal 6", rows["crashes"].note)

    def test_a_program_that_ran_natively_after_all_fails(self):
        self.machine.sees_clients = False
        self.assertIn("saw no client", self.outcomes("same")["same"].note)


def row(name, **values):
    return runner.Row("Family", name, "what it shows", **values)


class Documents(unittest.TestCase):
    def content(self, *rows):
        return document.document({"gpu": "GPU"}, "compat.py", list(rows), 3,
                                 [{"function": "cuOne", "calls": 2}], 0)

    def test_the_table_says_what_failed_and_why(self):
        text = document.markdown(self.content(
            row("good", outcome=runner.PASSED, verdict=outputs.EQUAL, repeatable=True, outputs=4),
            row("bad", outcome=runner.FAILED, note="it broke\nhere|there"),
            row("absent", outcome=runner.NOT_INSTALLED, note="timm")))
        self.assertIn("| Family: good (what it shows) | yes | 4 | equal | yes | none |", text)
        self.assertIn("failed: it broke here\\|there", text)
        self.assertIn("not installed: timm", text)
        self.assertIn("3: 1 passed, 1 failed, 1 not installed, 0 fails natively", text)
        self.assertIn("- cuOne: 2", text)

    def test_a_later_run_of_a_row_takes_its_place(self):
        first = self.content(row("a", outcome=runner.FAILED), row("b", outcome=runner.PASSED))
        merged = document.merged([first, self.content(row("a", outcome=runner.PASSED))])
        self.assertEqual(document.count(merged, runner.PASSED), 2)
        self.assertEqual(merged["nvidia_smi_samples"], 6)
        self.assertEqual(merged["unsupported"], [])
        self.assertIn("`compat.py`, then of some rows again: `compat.py`",
                      document.markdown(merged))

    def test_a_long_note_is_cut(self):
        self.assertLessEqual(len(document.short("word " * 100)), document.NOTE_CHARACTERS)


class RequestLoop(unittest.TestCase):
    def arrivals(self, *words):
        parser = argparse.ArgumentParser()
        request_loop.add_arguments(parser)
        return request_loop.arrivals(parser.parse_args(words))

    def test_arrivals_keep_their_rate_however_bursty(self):
        for sigma in ("0", "1"):
            times = self.arrivals("--rate", "100", "--sigma", sigma, "--requests", "20000")
            self.assertAlmostEqual(times[-1], 200, delta=20)

    def test_a_seed_gives_the_same_arrivals(self):
        self.assertEqual(self.arrivals("--seed", "3"), self.arrivals("--seed", "3"))
        self.assertNotEqual(self.arrivals("--seed", "3"), self.arrivals("--seed", "4"))

    def test_a_duration_bounds_the_arrivals(self):
        self.assertLess(self.arrivals("--duration-s", "2")[-1], 2)

    def test_percentiles_are_values(self):
        values = [float(value) for value in range(1, 101)]
        self.assertEqual(request_loop.percentile(values, 0.5), 50)
        self.assertEqual(request_loop.percentile(values, 0.99), 99)
        self.assertEqual(request_loop.percentile([7.0], 0.99), 7)


class OverTheSimulatedGpu(unittest.TestCase):
    def setUp(self):
        if options.build is None:
            self.skipTest("it needs --build and --driver")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def compat(self, *words):
        command = [sys.executable, COMPAT, "--build", options.build, "--driver", options.driver,
                   *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)

    def test_a_program_is_compared_and_the_table_written(self):
        table, found = (os.path.join(self.folder, name) for name in ("table.md", "found.json"))
        done = self.compat("--only", "example/vector_add", "--table", table, "--json", found)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(found, encoding="utf-8") as file:
            line, = json.load(file)["rows"]
        self.assertEqual((line["outcome"], line["verdict"], line["unsupported"]),
                         ("passed", "equal", []))
        with open(table, encoding="utf-8") as file:
            self.assertIn("| example: vector_add", file.read())
        again = self.compat("--render", found, found, "--table", table)
        self.assertEqual(again.returncode, 0, again.stderr)

    def test_without_a_build_it_says_so(self):
        done = self.compat("--build", self.folder, "--only", "example/vector_add")
        self.assertEqual(done.returncode, 2)
        self.assertIn("neither build nor installation", done.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--build")
    parser.add_argument("--driver")
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
