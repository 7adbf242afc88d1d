"""Runs one program twice natively and once through Paella, natively again where these differ, and
says of each of its sections how that went."""
import dataclasses
import itertools
import json
import os
import re
import shutil
import sys

import outputs
from compile_cuda import CannotStart, compile_cuda
from programs_list import Program
from report import CheckFailed

PASSED = "passed"
FAILED = "failed"
NOT_INSTALLED = "not installed"
FAILS_NATIVELY = "fails natively"
MORE_NATIVE_RUNS = 3  # at most, to see whether a program is repeatable at all

_numbers = itertools.count(1)


@dataclasses.dataclass
class Row:
    """A row of the table. Times in seconds and sizes in MiB are of the whole program, as are
    unsupported calls."""
    family: str
    name: str
    what: str
    outcome: str = FAILED
    repeatable: bool | None = None  # two native runs were equal
    verdict: str | None = None  # outputs.EQUAL and its kin
    outputs: int = 0
    note: str = ""
    unsupported: list[str] = dataclasses.field(default_factory=list)
    contexts: int = 0  # processes of the client that held one
    native_mib: int = 0
    paella_mib: int = 0
    native_s: float = 0.0
    paella_s: float = 0.0

    @property
    def title(self) -> str:
        return f"{self.family}/{self.name}"


@dataclasses.dataclass
class Run:
    """A finished process and what it recorded."""
    name: str
    process: object
    sections: dict[str, outputs.Section]
    timed_out: bool = False

    def failure(self, section: str) -> str | None:
        """Why this section has no whole answer; None if it has."""
        found = self.sections.get(section)
        if found is not None and found.ended:
            return None
        if found is not None and found.error is not None:
            return found.error
        how = "out of time" if self.timed_out else "it ended"
        return f"{how} before the section's end: {tail_of(self.process)}"

    def ended_badly(self) -> bool:
        """Every section came to its end, and the process then did not end well."""
        whole = all(section.ended for section in self.sections.values())
        return whole and self.process.returncode != 0

    def missing(self, section: str) -> str | None:
        """The package that the machine lacks."""
        found = self.sections.get(section)
        if found is not None:
            return found.missing
        match = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", self.process.stderr)
        return match.group(1) if match else None


def tail_of(process, lines: int = 12) -> str:
    return process.describe(lines=lines)


class Runner:
    def __init__(self, machine, watch, folder: str):
        self._machine = machine
        self._watch = watch
        self._folder = folder

    def run(self, program: Program, sections: list[str]) -> list[Row]:
        says = program.rows()
        rows = [Row(program.family, name, says[name]) for name in sections]
        try:
            command = self._command(program)
            natives = [self._once(program, command, sections, "native", False) for _ in range(2)]
            paella = None
            if any(natives[0].failure(name) is None for name in sections):  # else nothing compares
                paella = self._once(program, command, sections, "paella", True)
            for row in rows:
                self._judge(row, natives, paella)
            for _ in range(MORE_NATIVE_RUNS):
                self._judge_again(program, command, rows, natives[0], paella)
        except CannotStart as error:
            outcome = NOT_INSTALLED if error.missing else FAILS_NATIVELY
            return [dataclasses.replace(row, outcome=outcome, note=str(error)) for row in rows]
        except Exception as error:  # a mistake of ours fails these rows, and the others are run
            kind = "" if isinstance(error, CheckFailed) else f"{type(error).__name__}: "
            return [dataclasses.replace(row, outcome=FAILED, note=f"{kind}{error}") for row in rows]
        return rows

    def _judge_again(self, program: Program, command: list[str], rows: list[Row], native: Run,
                     paella: Run | None) -> None:
        """Of rows that differ although two native runs agreed: sums in the order of the moment
        agree now and then."""
        differing = [row for row in rows
                     if row.verdict == outputs.DIFFERENT and row.repeatable]
        if not differing:
            return
        another = self._once(program, command, [row.name for row in differing], "native", False)
        for row in differing:
            self._judge(row, [native, another], paella)

    def _command(self, program: Program) -> list[str]:
        if program.kind == "binary":
            return [self._binary(program.file), *program.arguments]
        if program.kind == "cuda":
            return [compile_cuda(program.path(), program.libraries, self._folder),
                    *program.arguments]
        return [sys.executable, program.path(), *program.arguments]

    def _binary(self, name: str) -> str:
        try:
            return self._machine.program(name)
        except CheckFailed as error:  # an installation has no examples
            raise CannotStart(str(error), missing=name) from error

    def _once(self, program: Program, command: list[str], sections: list[str], place: str,
              through_paella: bool) -> Run:
        name = f"{next(_numbers):03}-{os.path.splitext(os.path.basename(program.file))[0]}-{place}"
        caches = os.path.join(self._folder, name + ".caches")
        record = os.path.join(self._folder, name + ".record")
        os.makedirs(caches)
        settings = _settings(caches) | dict(program.environment)
        if program.kind == "python":
            command = [*command, "--out", record, *sections]
        elif program.kind == "cuda":
            command = [*command, record]
        if through_paella:
            process = self._machine.start_paella(command, name, settings)
        else:
            process = self._machine.start_native(command, settings)
        self._watch.register(process.pid, name, through_paella)
        timed_out = not process.wait(self._machine.within_limit(program.timeout_s))
        process.kill_group()  # what it started ends with it
        shutil.rmtree(caches, ignore_errors=True)
        return Run(name, process, _recorded(program, process, record, sections), timed_out)

    def _judge(self, row: Row, natives: list[Run], paella: Run | None) -> None:
        first, second = natives
        row.native_s = round(second.process.seconds, 1)
        row.native_mib = self._watch.peak_mib[first.name]
        missing = first.missing(row.name)
        failure = first.failure(row.name) or second.failure(row.name)
        if failure is not None:
            row.outcome = NOT_INSTALLED if missing else FAILS_NATIVELY
            row.note = missing or failure
            return
        row.paella_s = round(paella.process.seconds, 1)
        row.paella_mib = self._watch.peak_mib[paella.name]
        row.unsupported = unsupported_functions(self._machine.client_log(paella.name))
        row.contexts = len(self._watch.contexts[paella.name])
        reasons = self._reasons(row, natives, paella)
        row.outcome, row.note = (FAILED, "; ".join(reasons)) if reasons else (PASSED, row.note)

    def _reasons(self, row: Row, natives: list[Run], paella: Run) -> list[str]:
        """Why the row fails. Fills in what the comparison showed."""
        failure = paella.failure(row.name)
        if failure is not None:
            return [failure]
        sections = [run.sections[row.name] for run in (*natives, paella)]
        comparison = outputs.compare(*sections)
        row.outputs, row.note = len(sections[0].outputs), comparison.detail
        row.repeatable, row.verdict = comparison.repeatable, comparison.verdict
        reasons = [comparison.detail] if comparison.verdict == outputs.DIFFERENT else []
        if not sections[0].outputs:
            reasons.append("it recorded nothing")
        if paella.ended_badly() and not natives[0].ended_badly():
            reasons.append("after its sections: " + tail_of(paella.process))
        if row.contexts:
            reasons.append(f"{row.contexts} of its processes held a context")
        if not self._machine.saw_client(paella.name):
            reasons.append("the daemon saw no client: it ran natively")
        return reasons


def _settings(caches: str) -> dict[str, str]:
    """Caches of compilers of its own for each run, so that each compiles the same."""
    folders = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton",
               "CUPY_CACHE_DIR": "cupy",
               "CUDA_CACHE_PATH": "cuda", "NUMBA_CACHE_DIR": "numba",
               "PYTORCH_KERNEL_CACHE_PATH": "torch"}
    for folder in folders.values():
        os.makedirs(os.path.join(caches, folder))
    settings = {name: os.path.join(caches, folder) for name, folder in folders.items()}
    return settings | {"TORCHINDUCTOR_COMPILE_THREADS": "4", "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
                       "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}


def _recorded(program: Program, process, record: str,
              sections: list[str]) -> dict[str, outputs.Section]:
    if program.kind in ("python", "cuda"):
        if not os.path.exists(record):
            return {}
        with open(record, "rb") as file:
            content = file.read()
        os.remove(record)
        return outputs.read(content)
    if process.returncode != 0:
        return {}
    answers = {"stdout": process.stdout}
    if program.keys:
        answers = _chosen_values(process.stdout, program.keys)
    found = {name: outputs.Output("json", (), json.dumps(value).encode())
             for name, value in answers.items()}
    return {sections[0]: outputs.Section(found, ended=True)}


def _chosen_values(text: str, keys: tuple[str, ...]) -> dict[str, object]:
    """Of the last line of JSON; the other values are times."""
    line = next((line for line in reversed(text.splitlines()) if line.startswith("{")), "{}")
    document = json.loads(line)
    return {key: document[key] for key in keys if key in document}


def unsupported_functions(log: str) -> list[str]:
    """The functions that libpaella.so told in a client's log that it refused, each once."""
    if not os.path.exists(log):
        return []
    with open(log, encoding="utf-8", errors="replace") as file:
        found = re.findall(r"^paella: unsupported: (.+)$", file.read(), re.MULTILINE)
    return sorted(set(found))
