"""What the pictures have in common."""
import matplotlib

matplotlib.use("Agg")

OURS, WHEEL, STOCK, TUNED, OTHERS = "#d1495b", "#e08e79", "#30638e", "#7fa7c9", "#9a9a9a"


def colour(name: str) -> str:
    if name.startswith("swift-"):
        return OURS
    if name.startswith("wheel-"):
        return WHEEL
    if name.endswith("-tuned"):
        return TUNED
    return STOCK if name.startswith("torch-") else OTHERS


def save(figure, path) -> None:
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
