"""What factors from a sample of a batch do, as Markdown."""
import statistics

from . import table
from .plan import MODELS

ANOTHER = "another"
"""The yardstick: the factors of all examples of another batch."""

HEADER = ["factors from", "A", "G", "M^-1 g", "cosine", "FOP step", "cosine", "ms"]


def tables(found: dict) -> str:
    machine, settings, versions = found["machine"], found["settings"], found["versions"]
    seeds = ", ".join(str(seed) for seed in settings["seeds"])
    parts = [
        f"{machine['processor']}, {settings['threads']} threads; LibTorch {versions['libtorch']}, {versions['swift']}; "
        f"seeds {seeds}, on {found['started'].split()[0]}, commit {versions['commit']}. Relative errors and cosines "
        f"against all examples, medians over the seeds (of A and G, over the layers too), at the initial weights / after "
        f"{settings['training_steps']} steps."]
    pairs = dict.fromkeys((cell["model"], cell["batch"]) for cell in found["cells"])
    for model, batch in pairs:
        cells = [cell for cell in found["cells"] if (cell["model"], cell["batch"]) == (model, batch)]
        milliseconds = next((entry["milliseconds"] for entry in found["times"]
                             if (entry["model"], entry["batch"]) == (model, batch)), {})
        title = MODELS.get(model, model)
        parts.append(f"{title[0].upper()}{title[1:]}, batch {batch:,}:\n\n"
                     + table.as_markdown(HEADER, rows(cells, milliseconds)))
    timed = [entry for entry in found["times"] if (entry["model"], entry["batch"]) not in pairs]
    for entry in timed:
        parts.append(f"ms at batch {entry['batch']:,} of {MODELS.get(entry['model'], entry['model'])}: " + ", ".join(
            f"{label(name)} {statistics.median(values):.2f}" for name, values in entry["milliseconds"].items()) + ".")
    return "\n\n".join(parts)


def rows(cells: list[dict], milliseconds: dict[str, list[float]]) -> list[list[str]]:
    lines = []
    for name in cells[0]["samples"]:
        samples = [cell["samples"][name] for cell in cells]

        def both(value) -> str:
            return " / ".join(value(sample) for sample in samples)

        lines.append([
            label(name), both(lambda sample: error(layers(sample, "input"))),
            both(lambda sample: error(layers(sample, "output"))),
            *(both(text) for what in ("preconditioned", "step") for text in (
                lambda sample, what=what: error(statistics.median(sample[what]["error"])),
                lambda sample, what=what: f"{statistics.median(sample[what]['cosine']):.4f}")),
            spent(milliseconds.get(name))])
    return lines


def layers(sample: dict, side: str, kind: str | None = None) -> float:
    """The median over the layers of the median over the seeds."""
    return statistics.median(
        statistics.median(layer[side]) for layer in sample["layers"].values()
        if side in layer and kind in (None, layer["kind"]))


def error(value: float) -> str:
    return f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def spent(milliseconds: list[float] | None) -> str:
    return f"{statistics.median(milliseconds):.2f}" if milliseconds else ""


def label(name: str) -> str:
    if name == ANOTHER:
        return "all of another batch"
    if name.startswith("rows:"):
        return f"{name.removeprefix('rows:')} rows per dimension"
    return "all examples" if name == "all" else f"{int(name):,} examples"
