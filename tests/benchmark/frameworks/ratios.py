"""Rows of pairs: a native figure and one through Paella, taken one right after the other, and
what they say together."""
import dataclasses
import statistics

NATIVE_AND_PAELLA = "native | Paella"
MIN_PAIRS = 5  # fewer give an impression, and no verdict


@dataclasses.dataclass
class Row:
    """`at_most` bounds the median of the pairs' ratios, ours to native."""
    name: str
    what: str
    unit: str
    at_most: float | None
    pairs: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    least_pairs: int = MIN_PAIRS
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        return [ours / native for native, ours in self.pairs if native > 0]

    def summary(self) -> dict:
        ratio = _median(self.ratios)
        enough = len(self.ratios) >= max(1, self.least_pairs)
        judged = enough and self.at_most is not None
        return {"name": self.name, "what": self.what, "unit": self.unit,
                "pairs": [list(pair) for pair in self.pairs],
                "native_median": _median([native for native, _ in self.pairs]),
                "paella_median": _median([ours for _, ours in self.pairs]), "ratio_median": ratio,
                "quartiles": quartiles(self.ratios), "target": self.at_most,
                "met": ratio <= self.at_most if judged else None, "note": self.note}


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def quartiles(values: list[float]) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def document(machine: dict, command: str, summaries: list[dict], columns: str = NATIVE_AND_PAELLA) -> str:
    """What is written down: the machine, the command, the table."""
    described = ", ".join(f"{key} {value}" for key, value in machine.items())
    return "\n".join([described, "", "    " + command, "", *table(summaries, columns), ""])


def table(summaries: list[dict], columns: str = NATIVE_AND_PAELLA) -> list[str]:
    """`columns` names the two of a pair."""
    lines = [f"| workload | unit | {columns} | ratio (quartiles) | target | met | note |",
             "|---|---|---|---|---|---|---|---|"]
    return lines + [_line(summary) for summary in summaries]


def _line(summary: dict) -> str:
    ratio = "-" if summary["ratio_median"] is None else f"{summary['ratio_median']:.3f}"
    if summary["quartiles"]:
        low, high = summary["quartiles"]
        ratio += f" ({low:.3f}-{high:.3f})"
    figure = lambda value: "-" if value is None else f"{value:,.4g}"  # noqa: E731
    met = {True: "yes", False: "**no**", None: "-"}[summary["met"]]
    target = "-" if summary["target"] is None else f"<= {summary['target']:g}"
    note = " ".join(summary["note"].split())[:200].replace("|", "\\|")
    cells = [f"{summary['name']}: {summary['what']}", summary["unit"],
             figure(summary["native_median"]),
             figure(summary["paella_median"]), ratio, target, met, note]
    return "| " + " | ".join(cells) + " |"
