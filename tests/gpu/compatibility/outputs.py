"""Reads what a program of programs/ recorded, and compares runs of it.

programs/recorder.py tells the file's form. Needs no framework: tolerances are computed with the
standard library.
"""
import dataclasses
import json
import math
import struct
from typing import Iterator, NamedTuple, Sequence

EQUAL = "equal"
WITHIN_TOLERANCE = "within tolerance"
DIFFERENT = "different"

# How far a value may be from the native one, relative to the largest, where native runs differ
# among themselves.
TOLERANCES = {"float64": 1e-9, "complex128": 1e-9, "float32": 1e-4, "complex64": 1e-4,
              "float16": 1e-2,
              "bfloat16": 5e-2}
FORMATS = {"float64": "d", "complex128": "d", "float32": "f", "complex64": "f", "float16": "e",
           "bfloat16": "H"}


class Output(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    content: bytes


@dataclasses.dataclass
class Section:
    outputs: dict[str, Output] = dataclasses.field(default_factory=dict)
    ended: bool = False
    error: str | None = None
    missing: str | None = None  # the Python package whose lack the error is


class Comparison(NamedTuple):
    verdict: str
    repeatable: bool  # two native runs were equal
    detail: str = ""


def read(content: bytes) -> dict[str, Section]:
    """Sections by name. A file that ends in the midst of a record counts up to there."""
    sections: dict[str, Section] = {}
    for head, body in _records(content):
        if "section" in head:
            sections[head["section"]] = Section()
        elif "output" in head:
            section, name = head["output"].split("/", 1)
            sections[section].outputs[name] = Output(head["dtype"], tuple(head["shape"]), body)
        elif "end" in head:
            sections[head["end"]].ended = True
        elif "error" in head:
            sections[head["error"]].error = head["text"]
            sections[head["error"]].missing = head.get("missing")
    return sections


def _records(content: bytes) -> Iterator[tuple[dict, bytes]]:
    position = 0
    while (line_end := content.find(b"\n", position)) >= 0:
        head = json.loads(content[position:line_end])
        position = line_end + 1 + head.get("bytes", 0)
        if position > len(content):
            return
        yield head, content[line_end + 1:position]


def compare(first: Section, second: Section, paella: Section) -> Comparison:
    """`first` and `second` are native runs of one section. Where they differ, equal bits would
    be luck."""
    names = sorted(first.outputs.keys() | paella.outputs.keys())
    unsteady = [name for name in names if first.outputs.get(name) != second.outputs.get(name)]
    steady_differences = [name for name in names
                          if name not in unsteady
                          and first.outputs.get(name) != paella.outputs.get(name)]
    if steady_differences:
        name = steady_differences[0]
        detail = f"{name}: {_difference(first.outputs.get(name), paella.outputs.get(name))}"
        more = f"; {len(steady_differences) - 1} more" if len(steady_differences) > 1 else ""
        return Comparison(DIFFERENT, not unsteady, detail + more)
    for name in unsteady:
        if not _is_close(first.outputs.get(name), second.outputs.get(name),
                         paella.outputs.get(name)):
            detail = f"{name}: {_difference(first.outputs.get(name), paella.outputs.get(name))}"
            return Comparison(DIFFERENT, False, detail)
    if unsteady:
        return Comparison(WITHIN_TOLERANCE, False,
                          "two native runs differ in " + ", ".join(unsteady))
    return Comparison(EQUAL, True)


def values_of(output: Output) -> list[float]:
    """The numbers of an output of floating point; complex ones as pairs."""
    kind = FORMATS[output.dtype]
    values = struct.unpack(f"<{len(output.content) // struct.calcsize(kind)}{kind}", output.content)
    if output.dtype != "bfloat16":
        return list(values)
    return list(struct.unpack(f"<{len(values)}f",
                              b"".join(struct.pack("<I", value << 16) for value in values)))


def _have_one_form(outputs: Sequence[Output | None]) -> bool:
    return None not in outputs and len({(output.dtype, output.shape) for output in outputs}) == 1


def _is_close(first: Output | None, second: Output | None, paella: Output | None) -> bool:
    """Within the tolerance of the type, or no further from one native run than four times the
    other one is."""
    if not _have_one_form((first, second, paella)) or first.dtype not in FORMATS:
        return False
    native, again, ours = (values_of(output) for output in (first, second, paella))
    largest = max((abs(value) for value in native if math.isfinite(value)), default=0.0)
    allowed = max(TOLERANCES[first.dtype] * largest, 4 * largest_difference(native, again))
    return largest_difference(native, ours) <= allowed


def largest_difference(left: Sequence[float], right: Sequence[float]) -> float:
    """Infinite where one is no number or infinite and the other is something else."""
    largest = 0.0
    for a, b in zip(left, right):
        if a == b or (math.isnan(a) and math.isnan(b)):
            continue
        difference = abs(a - b)
        largest = max(largest, difference if math.isfinite(difference) else math.inf)
    return largest


def _difference(native: Output | None, paella: Output | None) -> str:
    if native is None or paella is None:
        return "natively there is none" if native is None else "through Paella there is none"
    if not _have_one_form((native, paella)):
        return (f"natively {native.dtype}{list(native.shape)}, "
                f"through Paella {paella.dtype}{list(paella.shape)}")
    if native.dtype == "json":
        natively, ours = (output.content.decode()[:80] for output in (native, paella))
        return f"natively {natively}, through Paella {ours}"
    if native.dtype not in FORMATS:
        changed = sum(a != b for a, b in zip(native.content, paella.content))
        return f"{changed} of {len(native.content)} bytes differ"
    left, right = values_of(native), values_of(paella)
    changed = sum(a != b for a, b in zip(left, right))
    largest = largest_difference(left, right)
    return f"{changed} of {len(left)} values differ, by at most {largest:.3g}"
