"""Bars: what a step costs, per contender and cell."""
from pathlib import Path

from . import style
import matplotlib.pyplot as plt

from driver import table
from driver.contenders import CONTENDERS
from driver.documents import count, elsewhere
from driver.summary import summarize


def draw(found: dict, path: Path) -> None:
    cells = [cell for cell in found["cells"].values() if not cell["slice"] and measured(cell)]
    columns = 2
    lines = -(-len(cells) // columns)
    heights = [max(len(measured(cell)) for cell in cells[line * columns:(line + 1) * columns]) for line in range(lines)]
    figure, axes = plt.subplots(
        lines, columns, figsize=(12, 1.0 * lines + 0.27 * sum(heights)), squeeze=False,
        gridspec_kw={"height_ratios": heights})
    machine = found["machine"]
    for place, axis in enumerate(axes.flat):
        if place < len(cells):
            draw_cell(cells[place], axis, elsewhere(cells[place], machine))
        else:
            axis.axis("off")
    figure.suptitle(f"Training steps, {count(found['settings']['threads'], 'thread')}, {machine['processor']}, "
                    f"PyTorch {found['versions']['torch']}: median of {count(found['settings']['rounds'], 'round')}\n")
    style.save(figure, path)


def measured(cell: dict) -> list[str]:
    if "problem" in cell:
        return []
    return [name for name, entry in cell["contenders"].items() if entry["status"] == "ok" and entry["rounds"]]


def draw_cell(cell: dict, axis, where: str) -> None:
    names = measured(cell)[::-1]
    summaries = [summarize(cell["contenders"][name]["rounds"]) for name in names]
    values = [summary.mean for summary in summaries]
    axis.barh([CONTENDERS[name].label for name in names], values, color=[style.colour(name) for name in names])
    for place, summary in enumerate(summaries):
        axis.text(summary.mean, place, f" {table.milliseconds(summary.mean)}", va="center", fontsize=8)
    axis.set_xlim(0, 1.15 * max(values))
    axis.set_title(table.title(cell).replace("`", "") + where, fontsize=10)
    axis.set_xlabel("ms per step, curvature every 10 steps included", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(axis="x", alpha=0.3)
