"""Tables, the result file, and what is put into documents."""
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from driver import documents, results, setup, table
from driver.failure import BenchmarkError


def cell():
    ok = {"status": "ok", "rounds": [
        {"milliseconds": [1234.0, 1.5], "curvature": [True, False],
         "peak_memory_bytes": 10**9, "start_memory_bytes": 0}]}
    return {"model": "resnet", "batch": 2048, "slice": 0, "contenders": {
        "swift-sgd": ok, "torch-sgd": ok,
        "asdl-empirical": {"status": "failed", "reason": "no | such layer", "rounds": []}}}


HERE = {"processor": "this processor"}


class TableTests(unittest.TestCase):
    def test_columns_line_up_and_failures_say_why(self):
        lines = table.cell_text(cell()).splitlines()
        self.assertEqual(len({len(line) for line in lines[:3]}), 1)
        self.assertTrue(lines[3].endswith("failed: no | such layer"))

    def test_markdown_has_one_width(self):
        lines = table.cell_markdown(cell()).splitlines()
        self.assertEqual({line.replace("\\|", "").count("|") for line in lines}, {len(table.HEADER) + 1})

    def test_a_problem_replaces_the_numbers(self):
        self.assertIn("losses differ", table.cell_text(cell() | {"problem": "losses differ"}))


    def test_a_cell_says_where_it_comes_from(self):
        found = cell() | {"started": "2026-01-02 03:04:05", "seconds": 125.0, "commit": "abc"}
        found["contenders"]["swift-sgd"] = found["contenders"]["swift-sgd"] | {
            "rounds": 3 * found["contenders"]["swift-sgd"]["rounds"]}
        found["contenders"]["torch-adamw"] = dict(found["contenders"]["torch-sgd"])
        self.assertEqual(documents.provenance(found, HERE),
                         "1 round, 3 of Swift SGD; 2026-01-02 03:04:05, 2 minutes, commit abc.")
        found["contenders"]["swift-sgd"]["turns"] = found["contenders"]["torch-adamw"]["turns"] = [{}, {}]
        self.assertIn("3 of Swift SGD, 2 intervals in turns of Swift SGD and PyTorch AdamW, stock; ",
                      documents.provenance(found, HERE))
        self.assertNotIn("processor", documents.provenance(found | HERE, HERE))
        self.assertTrue(documents.provenance(found | {"processor": "another one"}, HERE).endswith(", on another one."))
        del found["commit"]
        self.assertIn("from an earlier run", documents.provenance(found, HERE))


class FileTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "file"
        self.addCleanup(self.folder.cleanup)

    def test_results_come_back(self):
        found = {"format": results.FORMAT, "cells": {"a": cell(), "b": {}}, "none": None, "list": [1, 2.5]}
        results.save(found, self.path)
        self.assertEqual(results.load(self.path), found)

    def test_cells_that_are_kept_say_on_which_processor(self):
        found = {"format": results.FORMAT, "machine": HERE, "cells": {
            "old": {"batch": 1}, "new": {"processor": "another one"}, "bad": {"problem": "losses differ"}}}
        results.save(found, self.path)
        self.assertEqual(results.cells_to_keep(self.path),
                         {"old": {"batch": 1} | HERE, "new": {"processor": "another one"}})

    def test_other_files_are_refused(self):
        for text in ("", "{}", '{"format": 0}'):
            self.path.write_text(text)
            with self.assertRaises(BenchmarkError):
                results.load(self.path)
        with self.assertRaisesRegex(BenchmarkError, "make bench"):
            results.load(self.path.with_name("absent"))

    def test_text_goes_between_its_markers(self):
        begin, end = documents.markers("steps")
        self.path.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
        for _ in range(2):
            documents.put(self.path, "steps", "new")
        self.assertEqual(self.path.read_text(), f"before\n{begin}\nnew\n{end}\nafter\n")
        with self.assertRaisesRegex(BenchmarkError, "bars"):
            documents.put(self.path, "bars", "new")


class CommandTests(unittest.TestCase):
    def repeated(self, *arguments):
        with mock.patch("sys.argv", ["bench.py", *arguments]):
            return setup.repeating_command("bench")

    def test_folders_of_this_machine_are_left_out(self):
        self.assertEqual(self.repeated("--cache", "/a/b", "--resume", "--worker=/c"), 'make bench ARGS="--resume"')

    def test_without_flags_it_is_the_target(self):
        self.assertEqual(self.repeated("--cache", "/a/b"), "make bench")


if __name__ == "__main__":
    unittest.main()
