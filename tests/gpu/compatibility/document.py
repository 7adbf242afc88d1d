"""What a run of scripts/compat.py found, as JSON, and as the Markdown of
examples/COMPATIBILITY.md."""
import dataclasses
import importlib.metadata
import json
import os
import platform
import re
import subprocess

from compile_cuda import find_nvcc
from programs_list import ROOT
from runner import FAILED, FAILS_NATIVELY, NOT_INSTALLED, PASSED, Row

PACKAGES = ("torch", "torchvision", "transformers", "timm", "triton", "cupy-cuda13x", "jax",
            "numba-cuda", "numpy")
NOTE_CHARACTERS = 160
WORDS = {PASSED: "yes", FAILED: "**no**", NOT_INSTALLED: "-", FAILS_NATIVELY: "-"}


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found | _version_of_nvcc()


def _version_of_nvcc() -> dict[str, str]:
    nvcc = find_nvcc()
    if nvcc is None:
        return {}
    answer = subprocess.run([nvcc, "--version"], capture_output=True, text=True, timeout=30,
                            check=False).stdout
    match = re.search(r"release ([\d.]+)", answer)
    return {"nvcc": match.group(1)} if match else {}


def document(machine: dict, command: str, rows: list[Row], samples: int, refused: list[dict],
             restarts: int) -> dict:
    """`samples`: how often nvidia-smi was asked; `refused`: unsupported functions as paellad
    counts them."""
    return {"machine": machine, "versions": versions(), "command": command,
            "nvidia_smi_samples": samples, "unsupported": refused, "executor_restarts": restarts,
            "rows": [dataclasses.asdict(row) for row in rows]}


def write_json(path: str, content: dict) -> None:
    """In place of what is there at once, so that a reader never sees half a file."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


def merged(documents: list[dict]) -> dict:
    """One document of several runs on one kind of machine; a row of a later one takes the
    earlier one's place."""
    rows: dict[tuple[str, str], dict] = {}
    for part in documents:
        rows.update({(row["family"], row["name"]): row for row in part["rows"]})
    refused = {name for row in rows.values() for name in row["unsupported"]}
    functions: dict[str, int] = {}
    for part in documents:
        for entry in part["unsupported"]:
            name = entry["function"]
            if name in refused:  # else by a row that ran again
                functions[name] = max(entry["calls"], functions.get(name, 0))
    return documents[-1] | {
        "rows": list(rows.values()),
        "commands": [command for part in documents for command in _commands(part)],
        "nvidia_smi_samples": sum(part["nvidia_smi_samples"] for part in documents),
        "executor_restarts": sum(part["executor_restarts"] for part in documents),
        "unsupported": [{"function": name, "calls": calls}
                        for name, calls in sorted(functions.items())]}


def _commands(content: dict) -> list[str]:
    return content.get("commands", [content["command"]])


def _told(commands: list[str]) -> str:
    first, *later = (f"`{command}`" for command in commands)
    return first + (", then of some rows again: " + ", ".join(later) if later else "")


def count(content: dict, outcome: str) -> int:
    return sum(row["outcome"] == outcome for row in content["rows"])


def markdown(content: dict) -> str:
    return "\n".join([*_head(content), *_table(content["rows"]), *_refused(content), ""])


def _words(pairs: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())


def _head(content: dict) -> list[str]:
    machine, rows = content["machine"], content["rows"]
    contexts = sum(row["contexts"] > 0 for row in rows)
    totals = ", ".join(f"{count(content, outcome)} {outcome}"
                       for outcome in (PASSED, FAILED, NOT_INSTALLED, FAILS_NATIVELY))
    return [
        "# What runs through Paella", "",
        "Each row ran twice natively and once with `LD_PRELOAD=libpaella.so`, and every output was",
        "compared byte by byte.",
        "Written by `scripts/compat.py`; [tests/gpu/README.md](../tests/gpu/README.md) tells how.",
        "",
        f"- Machine: {_words(machine)}", f"- Versions: {_words(content['versions'])}",
        f"- Command: {_told(_commands(content))}",
        f"- Rows: {len(rows)}: {totals}",
        f"- Contexts: {content['nvidia_smi_samples']} looks at nvidia-smi while programs ran; "
        f"rows with a client that had a context of its own: {contexts}",
        f"- The executor ended and was started again {content['executor_restarts']} times", ""]


def _table(rows: list[dict]) -> list[str]:
    lines = ["| program | passes | outputs | bits | repeatable natively | refused functions "
             "| MiB native, Paella | note |",
             "|---|---|---|---|---|---|---|---|"]
    return lines + [_line(row) for row in rows]


def _line(row: dict) -> str:
    repeatable = {True: "yes", False: "no", None: "-"}[row["repeatable"]]
    memory = f"{row['native_mib'] or '-'}, {row['paella_mib'] or '-'}" if row["verdict"] else "-"
    note = row["note"] if row["outcome"] == PASSED else f"{row['outcome']}: {row['note']}"
    cells = [f"{row['family']}: {row['name']}", WORDS[row["outcome"]], str(row["outputs"] or "-"),
             row["verdict"] or "-",
             repeatable, ", ".join(row["unsupported"]) or "none", memory, short(note)]
    if row["what"] != row["name"]:
        cells[0] += f" ({row['what']})"
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def short(text: str) -> str:
    """On one line, and no longer than a cell of a table should be."""
    line = " ".join(text.replace(ROOT + os.sep, "").split())
    return line if len(line) <= NOTE_CHARACTERS else line[:NOTE_CHARACTERS - 3] + "..."


def _refused(content: dict) -> list[str]:
    if not content["unsupported"]:
        return []
    lines = ["", "Functions that were called and refused (calls of the process that called most):",
             ""]
    return lines + [f"- {entry['function']}: {entry['calls']}" for entry in content["unsupported"]]
