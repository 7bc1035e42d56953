"""bench.py, growth.py and samples.py from end to end, with workers that report made-up times at once."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from driver import documents, plan

HERE = Path(__file__).resolve().parent


def cell_skipped(cell):
    return [name for name, entry in cell["contenders"].items() if entry["status"] == "skipped"]


class CommandTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.output, self.log = self.folder / "out" / "results.json", self.folder / "log"
        self.worker = self.folder / "worker"
        python = self.folder / "reference-venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        for place in (self.worker, python):
            shutil.copy(HERE / "fake_worker.py", place)
            place.chmod(0o755)

    def run_command(self, name, *words, **environment):
        command = [sys.executable, "-B", str(HERE.parent / name), "--cache", str(self.folder), "--worker",
                   str(self.worker), "--threads", "1", "--output", str(self.output), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                              env=os.environ | {"FAKE_LOG": str(self.log)} | environment)
        found = json.loads(self.output.read_text()) if self.output.is_file() else None
        return done, found

    def bench(self, *words, **environment):
        return self.run_command("bench.py", "--models", "resnet", "--batches", "512", "2048", "--rounds", "2", *words,
                                **environment)

    def test_everybody_runs_in_turn_in_every_round(self):
        done, found = self.bench()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(found["cells"]), ["resnet:512", "resnet:2048"])
        cell = found["cells"]["resnet:2048"]
        self.assertEqual(len(cell["contenders"]["swift-adamw"]["rounds"]), 2)
        self.assertEqual(cell["contenders"]["kfac-pytorch"]["status"], "skipped")
        self.assertIn("--kfac-source", cell["contenders"]["kfac-pytorch"]["reason"])
        # In turns (11 * 9 + 40) / 10 against 10, in rounds (11 * 9 + 30) / 10 against (20 * 9 + 120) / 10
        self.assertRegex(done.stdout, r"FOP step / our own SGD step, batch 2048 +1\.10 +1\.390 +not met")
        self.assertRegex(done.stdout, r"FOP step / ASDL's K-FAC step \(empirical\), batch 2048 +0\.40 +0\.430 +not met")
        names = [words.split("--contender ")[1].split()[0] for words in self.log.read_text().splitlines()
                 if "-2048" in words and "--contender " in words]
        all_of = len(plan.ALL) - len(cell_skipped(cell))
        first, second, further = names[:all_of], names[all_of:2 * all_of], names[2 * all_of:]
        self.assertEqual(second, first[::-1])
        # Ours and PyTorch's.
        self.assertEqual(further, ["sgd", "sgd"] * 2)
        turns = cell["contenders"]["torch-sgd-tuned"]["paced_turns"]
        self.assertEqual((len(turns), len(turns[0]["milliseconds"])), (2 * plan.PACED_TURNS, plan.PACE))
        self.assertEqual(len(cell["contenders"]["swift-kfac"]["turns"]), 2 * plan.TURNS_PER_ROUND)

    def test_a_batch_is_compared_with_another_in_the_same_round(self):
        done, found = self.run_command("bench.py", "--models", "plain", "--batches", "60000", "--rounds", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        entry = found["cells"]["plain:60000:slices of 256"]["contenders"]["swift-sgd"]
        self.assertEqual((len(entry["rounds"]), len(entry["reference_rounds"])), (2, 2))
        batches = [words.split("plain-")[1].split()[0] for words in self.log.read_text().splitlines()
                   if "plain-" in words and "plain-16" not in words]
        self.assertEqual(batches, ["2048.safetensors", "60000.safetensors"] * 4)
        # The same made-up ms for both.
        self.assertRegex(done.stdout, r"the same, SGD +1\.05 +0\.034 +met")

    def test_who_fails_is_reported_and_not_tried_again(self):
        done, found = self.bench(FAKE_FAILURE="soap")
        self.assertEqual(done.returncode, 0, done.stderr)
        entry = found["cells"]["resnet:512"]["contenders"]["soap"]
        self.assertEqual((entry["status"], entry["reason"]), ("failed", "RuntimeError: it does not work here"))
        self.assertEqual(self.log.read_text().count("--contender soap"), 2)
        self.assertRegex(done.stdout, r"SOAP \(pytorch-optimizer\) +failed: RuntimeError: it does not work here")

    def test_turns_that_fail_leave_the_rounds(self):
        for when in ("--pace", "second turn"):
            done, found = self.bench(
                "--contenders", "swift-sgd", "torch-sgd-tuned", "swift-kfac", FAKE_FAILURE=when)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("resnet:2048, in turns: ", done.stdout + done.stderr)
            self.assertIn("it does not work here", done.stdout + done.stderr)
            entry = found["cells"]["resnet:2048"]["contenders"]["swift-sgd"]
            self.assertEqual((len(entry["rounds"]), len(entry["turns"])), (2, 2 * plan.TURNS_PER_ROUND))
            self.assertNotIn("paced_turns", entry)

    def test_other_work_is_not_compared(self):
        done, found = self.bench(FAKE_LOSS="2.6")
        self.assertEqual(done.returncode, 1)
        self.assertIn("losses", found["cells"]["resnet:2048"]["problem"])
        self.assertRegex(done.stdout, r"FOP step / our own SGD step, batch 2048 +1\.10 +- +not measured")

    def test_complete_cells_are_kept(self):
        _, before = self.bench()
        cell = before["cells"]["resnet:2048"] | {"commit": "another"}
        self.output.write_text(json.dumps(before | {"cells": before["cells"] | {"resnet:2048": cell}}))
        self.log.write_text("")
        done, after = self.bench("--resume", "--contenders", "swift-sgd")
        # Nothing was added, so nothing new is claimed.
        self.assertEqual(after["cells"]["resnet:2048"], cell)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("resnet-2048", self.log.read_text())

    def test_what_a_cell_lacks_is_added(self):
        self.bench("--contenders", "swift-sgd", "torch-sgd-tuned", "swift-fop-2", "--rounds", "1")
        self.log.write_text("")
        done, found = self.bench("--resume", "--contenders", "swift-sgd", "torch-sgd-tuned", "swift-fop-2")
        self.assertEqual(done.returncode, 0, done.stderr)
        entry = found["cells"]["resnet:512"]["contenders"]["swift-sgd"]
        self.assertEqual([len(entry[place]) for place in ("rounds", "paced_turns", "turns")],
                         [2, 2 * plan.PACED_TURNS, 2 * plan.TURNS_PER_ROUND])
        # Of the second round: three processes, a pair of processes, and one for all.
        self.assertEqual(self.log.read_text().count("resnet-512.safetensors"), 3 + 2 + 1)

    def test_what_is_missing_is_named(self):
        for place in (self.worker, self.folder / "reference-venv" / "bin" / "python"):
            place.rename(place.with_name("away"))
            done, _ = self.bench()
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"bench: {place} is not there: ", done.stderr)
            place.with_name("away").rename(place)

    def test_growth(self):
        done, found = self.run_command("growth.py", "--quick", "--rounds", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line["exponent"] for line in found["lines"]], [0.0] * 6)

    def samples(self, *words, **environment):
        document = self.folder / "document.md"
        begin, end = documents.markers("samples")
        document.write_text(f"{begin}\n{end}\n")
        done, found = self.run_command("samples.py", "--document", str(document), "--data", str(self.folder), "--seeds",
                                       "1", "2", "4", *words, **environment)
        return done, found, document.read_text()

    def test_samples(self):
        done, found, text = self.samples()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([(cell["model"], cell["batch"], cell["training_steps"]) for cell in found["cells"]],
                         [(model, batch, steps) for model, batch in (("resnet", 2048), ("vit", 1024), ("resnet", 8192), ("resnet", 512))
                          for steps in (0, 50)])
        sample = found["cells"][0]["samples"]["64"]
        self.assertEqual(sample["step"]["error"], [3 / 64, 6 / 64, 12 / 64])
        self.assertEqual(sample["layers"]["convolution"]["output"], [4 / 64, 8 / 64, 16 / 64])
        self.assertNotIn("input", sample["layers"]["norm"])
        self.assertIn("| 64 examples | 0.031 / 0.031 | 0.12 / 0.12 | 0.062 / 0.062 | 0.9375 / 0.9375 | "
                      "0.094 / 0.094 | 0.9062 / 0.9062 | 2.00 |", text)
        self.assertIn("| all of another batch | 0.50 / 0.50 |", text)
        self.assertNotIn("8,192 examples", text)
        self.assertEqual(found["command"], 'make bench-samples ARGS="--threads 1 --seeds 1 2 4"')

    def test_times_of_samples_can_be_taken_anew(self):
        _, before, _ = self.samples()
        self.log.write_text("")
        done, found, _ = self.samples("--only-times")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(found["cells"], before["cells"])
        self.assertEqual({line.split()[0] for line in self.log.read_text().splitlines()}, {"factor-times"})

    def test_a_sample_worker_that_fails_is_named(self):
        done, found, text = self.samples(FAKE_FAILURE="vit")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bench-samples: factor-times of vit: ", done.stderr)
        self.assertIn("it does not work here", done.stderr)
        self.assertIsNone(found)


if __name__ == "__main__":
    unittest.main()
