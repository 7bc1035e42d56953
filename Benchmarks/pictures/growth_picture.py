"""Lines on logarithmic axes: how a step's cost grows with batch, width and depth."""
from pathlib import Path

from . import style
import matplotlib.pyplot as plt

COLOURS = {"swift-sgd": style.STOCK, "swift-fop-2": style.OURS}


def draw(grown: dict, path: Path) -> None:
    axes_names = list(dict.fromkeys(line["against"] for line in grown["lines"]))
    figure, axes = plt.subplots(1, len(axes_names), figsize=(4 * len(axes_names), 3.6), squeeze=False)
    for axis, against in zip(axes.flat, axes_names):
        for line in grown["lines"]:
            if line["against"] == against:
                axis.loglog(line["values"], line["milliseconds"], marker="o", color=COLOURS[line["name"]],
                            label=f"{line['contender']}: exponent {line['exponent']:.2f}")
        values = [line["values"] for line in grown["lines"] if line["against"] == against][0]
        axis.set_xticks(values, [f"{value:,}" for value in values])
        axis.minorticks_off()
        axis.set_xlabel(against)
        axis.set_ylabel("ms per step")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    style.save(figure, path)
