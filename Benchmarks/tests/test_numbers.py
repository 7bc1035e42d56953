"""Statistics, ratios, bars and fits on made-up times."""
import unittest

import growth
from driver import bars, plan, rounds, summary
from driver.contenders import CONTENDERS


def round_(milliseconds, curvature, peak=2, start=1):
    return {"milliseconds": milliseconds, "curvature": curvature,
            "peak_memory_bytes": peak, "start_memory_bytes": start}


WHOLE = round_([10.0] * 9 + [30.0], [False] * 9 + [True])
ABRIDGED = round_([30.0, 10.0, 10.0], [True, False, False])


class SummaryTests(unittest.TestCase):
    def test_an_abridged_interval_stands_for_a_whole_one(self):
        for found in (summary.summarize([WHOLE]), summary.summarize([ABRIDGED])):
            self.assertAlmostEqual(found.mean, 12.0)
            self.assertEqual((found.median, found.p95, found.plain, found.curvature), (10.0, 30.0, 10.0, 30.0))

    def test_without_curvature_steps_count_alike(self):
        found = summary.summarize([round_([1.0, 2.0, 6.0], [False] * 3)])
        self.assertAlmostEqual(found.mean, 3.0)
        self.assertEqual((found.median, found.curvature), (2.0, None))

    def test_the_mean_is_the_median_over_rounds(self):
        slow = round_([100.0] * 10, [False] * 10)
        self.assertAlmostEqual(summary.summarize([WHOLE, slow, WHOLE]).mean, 12.0)

    def test_ratios_are_taken_within_rounds(self):
        fast, slow = round_([1.0], [False]), round_([3.0], [False])
        self.assertAlmostEqual(summary.ratio([fast, slow, slow], [fast, slow, slow]), 1.0)
        self.assertAlmostEqual(summary.ratio([slow, slow, slow], [fast, fast, slow]), 3.0)

    def test_memory(self):
        found = summary.summarize([round_([1.0], [False], peak=7, start=3)])
        self.assertEqual((found.peak_bytes, found.growth_bytes), (7, 4))


def results(**contenders):
    entries = {name.replace("_", "-"): {"status": "ok", "rounds": [found]} for name, found in contenders.items()}
    cell = {"model": "resnet", "batch": 2048, "slice": 0, "contenders": entries}
    return {"cells": {"resnet:2048": cell}}


class BarTests(unittest.TestCase):
    def verdict(self, found, what, profile=None):
        return next(row[2:] for row in bars.bar_rows(found, profile) if row[0].startswith(what))

    def test_met_not_met_not_measured(self):
        sgd = round_([10.0] * 10, [False] * 10)
        found = results(swift_fop_2=WHOLE, swift_sgd=sgd, torch_sgd=round_([30.0] * 10, [False] * 10))
        self.assertEqual(self.verdict(found, "Swift SGD step / stock"), ["0.333", "met", ""])
        self.assertEqual(self.verdict(found, "FOP step / our own SGD"), ["1.200", "not met", ""])
        self.assertEqual(self.verdict(found, "a curvature step alone"), ["3.000", "not met", ""])
        self.assertEqual(self.verdict(found, "FOP step / ASDL"), ["-", "not measured", ""])
        self.assertEqual(self.verdict(found, "peak memory"), ["1.000", "met", ""])

    def test_turns_within_a_process_come_before_rounds(self):
        sgd = round_([10.0] * 10, [False] * 10)
        found = results(swift_fop_2=WHOLE, swift_sgd=sgd)
        entries = found["cells"]["resnet:2048"]["contenders"]
        entries["swift-fop-2"]["turns"] = [ABRIDGED, ABRIDGED]
        self.assertEqual(self.verdict(found, "FOP step / our own SGD"), ["1.200", "not met", ""])
        entries["swift-sgd"]["turns"] = [round_([20.0], [False])] * 2
        self.assertEqual(self.verdict(found, "FOP step / our own SGD"), ["0.600", "met", ""])

    def test_fops_own_work_is_the_bound_against_kfac(self):
        def run(contender, sums, products):
            def phase(name, milliseconds, **operators):
                return {"phase": name, "milliseconds": milliseconds, "operators": [
                    {"name": f"aten::{operator}", "milliseconds": spent} for operator, spent in operators.items()]}
            return {"contender": contender, "batch": 2048, "phases": [
                phase("forward", 50.0, matmul=9.0),
                phase("backward", 40.0, native_batch_norm_backward=sums, matmul=9.0),
                phase("update", 10.0, matmul=products)]}
        profile = {"runs": [run("kfac", 0.0, 1.0), run("fop-2", 2.0, 4.0), run("fop-2", 2.0, 4.0) | {"batch": 512}]}
        self.assertEqual(self.verdict(results(), "FOP step / our K-FAC", profile), ["-", "not measured", "1.050"])
        self.assertEqual(self.verdict(results(), "FOP step / our K-FAC", {"runs": []})[2], "")

    def test_bounds(self):
        sgd = round_([10.0] * 10, [False] * 10)
        asdl = round_([20.0] * 10, [False] * 10)
        found = results(swift_fop_2=WHOLE, swift_sgd=sgd, torch_sgd=sgd, asdl_empirical=asdl)
        profile = {"peers": [
            {"contender": "torch-sgd", "milliseconds": 40.0, "kinds": {"convolutions": 30.0, "batch normalisation": 9.0}},
            {"contender": "torch-sgd-tuned", "milliseconds": 15.0, "kinds": {"convolutions": 7.0, "batch normalisation": 3.0}}]}
        self.assertEqual(self.verdict(found, "FOP step / ASDL", profile), ["0.600", "not met", "0.500"])
        self.assertEqual(self.verdict(found, "Swift SGD step / stock", profile), ["1.000", "not met", "0.250"])

    def test_a_cell_with_a_problem_counts_for_nothing(self):
        found = results(swift_sgd=WHOLE, torch_sgd=WHOLE)
        found["cells"]["resnet:2048"]["problem"] = "losses differ"
        self.assertEqual(self.verdict(found, "Swift SGD step / stock"), ["-", "not measured", ""])

    def test_seconds_per_example(self):
        slowness = (1, 3, 2)
        entries = {"swift-sgd": {
            "status": "ok", "rounds": [round_([66_000.0 * slow], [False]) for slow in slowness],
            "reference_rounds": [round_([2048.0 * slow], [False]) for slow in slowness]}}
        found = {"cells": {"": {"model": "plain", "batch": 60_000, "slice": 256, "contenders": entries}}}
        self.assertAlmostEqual(bars.seconds_per_example("swift-sgd")(found), 1.1)

    def test_operator_calls(self):
        times = {"swift": [1, 1, 9], "python": [2, 2, 2]}
        self.assertAlmostEqual(bars.call_ratio({"calls": {"microseconds": times}}), 0.5)


class EqualWorkTests(unittest.TestCase):
    def disagreement(self, **losses):
        entries = {name.replace("_", "-"): {"rounds": [{"losses": values}]} for name, values in losses.items()}
        return rounds.disagreement({"contenders": entries})

    def test_sgd_must_agree_after_two_steps(self):
        self.assertIsNone(self.disagreement(swift_sgd=[2.0, 1.9, 1.8], torch_sgd=[2.0, 1.9, 1.801]))
        self.assertIn("torch-sgd", self.disagreement(swift_sgd=[2.0, 1.9, 1.8], torch_sgd=[2.0, 1.9, 1.803]))

    def test_other_optimizers_go_their_own_way(self):
        self.assertIsNone(self.disagreement(swift_sgd=[2.0, 1.9, 1.8], torch_adamw=[2.0, 1.0, 0.5]))

    def test_losses_that_are_no_numbers_do_not_agree(self):
        self.assertIsNotNone(self.disagreement(swift_sgd=[2.0, 1.9, 1.8], torch_sgd=[2.0, 1.9, float("nan")]))


class PlanTests(unittest.TestCase):
    def test_choices(self):
        cells = plan.make_plan(False, False, ["vit", "resnet"], [512, 16_384], ["swift-sgd"])
        self.assertEqual([(cell.model, cell.batch) for cell in cells],
                         [("vit", 512), ("vit", 16_384), ("resnet", 512), ("resnet", 16_384)])
        self.assertEqual({cell.contenders for cell in cells}, {("swift-sgd",)})

    def test_every_round_has_a_whole_number_of_intervals(self):
        for cell in plan.make_plan(False, True, None, None, None) + plan.make_plan(True, False, None, None, None):
            self.assertEqual(cell.shape.steps % cell.shape.interval, 0)

    def test_what_is_spread_over_an_interval_is_timed_over_all_of_it(self):
        for cell in plan.make_plan(False, True, None, None, None):
            for name in cell.contenders:
                shape = plan.shape_for(CONTENDERS[name], cell.shape)
                self.assertEqual((shape.steps, shape.interval), (plan.INTERVAL, plan.INTERVAL)
                                 if name == "swift-fop-2-staggered" else (cell.shape.steps, cell.shape.interval))
                self.assertEqual((shape.warm_up, shape.slice), (cell.shape.warm_up, cell.shape.slice))

    def test_full_leaves_nobody_out(self):
        full = plan.make_plan(False, True, None, None, None)
        self.assertEqual({cell.contenders for cell in full if cell.model != "plain"}, {plan.ALL})


class GrowthTests(unittest.TestCase):
    def test_a_power_law_gives_its_exponent(self):
        values = [16, 32, 128]
        self.assertAlmostEqual(growth.exponent(values, [3 * value**1.7 for value in values]), 1.7)


if __name__ == "__main__":
    unittest.main()
