"""Lines on logarithmic axes: the errors of factors and steps against the number of sampled examples."""
import statistics
from pathlib import Path

from . import style
import matplotlib.pyplot as plt

from driver import sample_tables
from driver.plan import MODELS

KINDS = {"convolution": style.STOCK, "linear": style.TUNED}


def draw(found: dict, path: Path) -> None:
    steps = found["settings"]["training_steps"]
    cells = [cell for cell in found["cells"] if cell["training_steps"] == steps]
    columns = 2
    lines = -(-len(cells) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(5.5 * columns, 4 * lines), squeeze=False, sharey=True)
    for cell, axis in zip(cells, axes.flat):
        draw_cell(cell, axis)
    for axis in axes.flat[len(cells):]:
        axis.axis("off")
    for line in axes:
        line[0].set_ylabel("relative error, median over seeds and layers")
    figure.suptitle(f"Error of a sample after {steps} steps", fontsize=10)
    style.save(figure, path)


def draw_cell(cell: dict, axis) -> None:
    counts = [int(name) for name in cell["samples"] if name.isdecimal()]
    samples = [cell["samples"][str(count)] for count in counts]
    kinds = {layer["kind"] for layer in samples[0]["layers"].values() if "input" in layer}
    for kind in sorted(kinds):
        for side, line, letter in (("input", "-", "A"), ("output", "--", "G")):
            values = [sample_tables.layers(sample, side, kind) for sample in samples]
            axis.loglog(counts, values, line, marker="o", markersize=3, color=KINDS[kind], label=f"{letter}, {kind}")
    values = [statistics.median(sample["step"]["error"]) for sample in samples]
    axis.loglog(counts, values, marker="o", color=style.OURS, label="FOP step")
    another = statistics.median(cell["samples"][sample_tables.ANOTHER]["step"]["error"])
    axis.axhline(another, color=style.OURS, linestyle=":", label="FOP step, another batch")
    axis.set_xticks(counts, [str(count) for count in counts], fontsize=8)
    axis.minorticks_off()
    axis.set_xlabel("examples")
    axis.set_title(f"{MODELS.get(cell['model'], cell['model']).replace('`', '')}, batch {cell['batch']:,}", fontsize=9)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
