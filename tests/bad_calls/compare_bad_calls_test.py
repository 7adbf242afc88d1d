"""What compare_bad_calls.py says of equal and of differing tables, and of lists of rows that may differ."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "compare_bad_calls.py")
FIRST = {"event.query_null": ["CUDA_ERROR_INVALID_HANDLE"], "memory.free_null": ["CUDA_SUCCESS"]}
SECOND = FIRST | {"memory.free_null": ["CUDA_ERROR_INVALID_VALUE"]}


class Comparison(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self._folder = folder.name

    def file(self, name, text):
        path = os.path.join(self._folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def compare(self, first, second, excluded=None):
        command = [sys.executable, PROGRAM, self.file("first", json.dumps(first)),
                   self.file("second", json.dumps(second))]
        if excluded is not None:
            command += ["--exclude", self.file("excluded", excluded)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def test_equal_tables(self):
        self.assertEqual(self.compare(FIRST, FIRST).returncode, 0)

    def test_a_differing_row_is_named(self):
        finished = self.compare(FIRST, SECOND)
        self.assertEqual(finished.returncode, 1)
        self.assertIn("memory.free_null", finished.stdout)
        self.assertNotIn("event.query_null", finished.stdout)

    def test_a_missing_row_differs(self):
        self.assertEqual(self.compare(FIRST, {}).returncode, 1)

    def test_an_excluded_row_may_differ(self):
        self.assertEqual(self.compare(FIRST, SECOND, "# why\nmemory.free_null  not the same device\n").returncode, 0)

    def test_an_excluded_row_needs_a_reason(self):
        finished = self.compare(FIRST, SECOND, "memory.free_null\n")
        self.assertNotEqual(finished.returncode, 0)
        self.assertIn("reason", finished.stderr)

    def test_an_excluded_row_must_exist(self):
        self.assertNotEqual(self.compare(FIRST, SECOND, "memory.gone  once there\n").returncode, 0)

    def test_the_list_in_the_source_can_be_read(self):
        rows = os.path.join(HERE, "device_dependent_rows.txt")
        with open(rows, encoding="utf-8") as file:
            lines = [line.split("#", 1)[0].split(maxsplit=1) for line in file]
        self.assertTrue(all(len(words) != 1 for words in lines))


if __name__ == "__main__":
    unittest.main()
