"""What the programs of this folder write: a stream of records, each a line of JSON, an output's
followed by its bytes.

{"section": S} begins a section; {"output": "S/NAME", "dtype", "shape", "bytes": N} is followed by N
bytes; {"end": S} says that the section came to its end, {"error": S, "text", "missing"} that it did
not. Every record is flushed, so that what a crashed process found is still there. The reader is
outputs.py, one folder up.
"""
import argparse
import json
import sys
import traceback
from typing import Any, BinaryIO, Callable

Section = Callable[["Recorder"], None]
_sections: dict[str, Section] = {}


def section(function: Section) -> Section:
    """Marks a function as a section of its program: a row of the table, named as the function."""
    _sections[function.__name__] = function
    return function


class Recorder:
    def __init__(self, file: BinaryIO):
        self._file = file
        self._section = ""

    def output(self, name: str, value: Any) -> None:
        """`value`: a tensor or array of any framework, or what JSON can hold."""
        dtype, shape, content = _encoded(value)
        head = {"output": f"{self._section}/{name}", "dtype": dtype, "shape": shape,
                "bytes": len(content)}
        self._write(head, content)

    def outputs(self, **values: Any) -> None:
        for name, value in values.items():
            self.output(name, value)

    def run(self, name: str, function: Section) -> bool:
        self._section = name
        self._write({"section": name})
        try:
            function(self)
        except Exception as error:  # the other sections are run all the same
            traceback.print_exc()
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            text = f"{type(error).__name__}: {error}"
            self._write({"error": name, "text": text[:2000], "missing": missing})
            return False
        self._write({"end": name})
        return True

    def _write(self, head: dict[str, Any], content: bytes = b"") -> None:
        self._file.write(json.dumps(head).encode() + b"\n" + content)
        self._file.flush()


def _encoded(value: Any) -> tuple[str, list[int], bytes]:
    """dtype, shape and bytes. Types that NumPy lacks (bfloat16, eight bit floats) go by their
    name."""
    if isinstance(value, (bool, int, float, str, list, dict, type(None))):
        return "json", [], json.dumps(value).encode()
    if hasattr(value, "detach"):
        return _of_tensor(value)
    if type(value).__module__.split(".")[0] == "cupy":
        value = value.get()
    import numpy
    array = numpy.ascontiguousarray(value)
    return str(array.dtype), list(array.shape), array.tobytes()


def _of_tensor(tensor: Any) -> tuple[str, list[int], bytes]:
    import torch
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().cpu().reshape(-1)
    shape, dtype = list(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    return dtype, shape, flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def main(resolve: Callable[[str, argparse.Namespace], Section] | None = None,
         arguments: Callable[[argparse.ArgumentParser], None] | None = None) -> None:
    """A program's command line. `resolve` makes a section of a name, where the names are no
    functions."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True, help="file for the records")
    parser.add_argument("sections", nargs="*", help="which to run (default: each)")
    if arguments is not None:
        arguments(parser)
    options = parser.parse_args()
    with open(options.out, "wb") as file:
        recorder = Recorder(file)
        good = True
        for name in options.sections or list(_sections):
            function = resolve(name, options) if resolve is not None else _sections[name]
            good = recorder.run(name, function) and good
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(0 if good else 1)
