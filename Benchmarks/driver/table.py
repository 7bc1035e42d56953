"""The result as tables of text: for the terminal and, as Markdown, for the documentation."""
from .contenders import BASELINE, CONTENDERS
from .plan import MODELS
from .summary import ratio, summarize

HEADER = ["contender", "ms per step", "median", "p95", "curvature step", "examples/s", "to stock SGD", "peak MB",
          "of it steps"]


def title(cell: dict) -> str:
    slices = f", in slices of {cell['slice']}" if cell["slice"] else ""
    return f"{MODELS.get(cell['model'], cell['model'])}, batch {cell['batch']:,}{slices}"


def rows(cell: dict) -> list[list[str]]:
    return [[CONTENDERS[name].label, *numbers(cell, name)] for name in cell["contenders"]]


def cell_text(cell: dict) -> str:
    return f"  not compared: {cell['problem']}" if "problem" in cell else as_text(HEADER, rows(cell))


def cell_markdown(cell: dict) -> str:
    return f"Not compared: {cell['problem']}." if "problem" in cell else as_markdown(HEADER, rows(cell))


def numbers(cell: dict, name: str) -> list[str]:
    entry = cell["contenders"][name]
    if entry["status"] != "ok" or not entry["rounds"]:
        words = f"{entry['status']}: {entry.get('reason', 'no round yet')}"
        return [words] + [""] * (len(HEADER) - 2)
    summary = summarize(entry["rounds"])
    baseline = cell["contenders"].get(BASELINE, {}).get("rounds")
    return [
        milliseconds(summary.mean), milliseconds(summary.median), milliseconds(summary.p95),
        milliseconds(summary.curvature) if summary.curvature else "",
        f"{1e3 * cell['batch'] / summary.mean:,.0f}",
        f"{ratio(entry['rounds'], baseline):.2f}" if baseline else "",
        f"{summary.peak_bytes / 1e6:,.0f}", f"{summary.growth_bytes / 1e6:,.0f}",
    ]


def milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def as_text(header: list[str], rows: list[list[str]]) -> str:
    """Columns that line up; a row with words instead of numbers runs over them."""
    numeric = [row for row in rows if len(row) < 3 or row[2]]
    widths = [max(len(row[place]) for row in [header, *(rows if place == 0 else numeric)])
              for place in range(len(header))]

    def line(row: list[str]) -> str:
        if len(row) > 2 and not row[2]:
            return f"  {row[0]:<{widths[0]}}  {row[1]}"
        cells = [f"{row[0]:<{widths[0]}}"] + [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:])]
        return "  " + "  ".join(cells)

    return "\n".join(line(row).rstrip() for row in [header, *rows])


def as_markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
