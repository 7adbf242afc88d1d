"""Stands in for the programs of scripts/experiments where there is no PyTorch: what answers a request
is a copy to the GPU and back, or, where there is no driver, nothing but bytes.

usage: stand_in.py MODEL    as served_model.py, with the name of any model
       stand_in.py          as busy_transformer.py
       stand_in.py --once   as a program that starts, answers and ends

STAND_IN_FAULT=MODEL:KIND makes that model's program refuse to be prepared, answer otherwise than natively
(`differs`), answer wrongly (`wrong`) or end (`dies`) while it serves. STAND_IN_NOTES names a file that gets a line for each start.
"""
import ctypes
import hashlib
import json
import os
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "experiments"))

import answering  # noqa: E402


class Gpu:
    def __init__(self, size):
        self._driver, self._memory = ctypes.CDLL("libcuda.so.1"), ctypes.c_uint64()
        context = ctypes.c_void_p()
        self._call("cuInit", 0)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
        self._call("cuCtxSetCurrent", context)
        self._call("cuMemAlloc_v2", ctypes.byref(self._memory), ctypes.c_size_t(size))

    def there_and_back(self, content):
        back = ctypes.create_string_buffer(len(content))
        size = ctypes.c_size_t(len(content))
        self._call("cuMemcpyHtoD_v2", self._memory, content, size)
        self._call("cuMemcpyDtoH_v2", back, self._memory, size)
        return back.raw

    def _call(self, name, *arguments):
        result = getattr(self._driver, name)(*arguments)
        if result:
            raise RuntimeError(f"{name}: {result}")


def request(name):
    content = hashlib.sha256(name.encode()).digest()
    try:
        gpu = Gpu(len(content))
    except OSError:  # no driver
        return lambda: content
    return lambda: gpu.there_and_back(content)


def fault_of(name):
    whose, _, kind = os.environ.get("STAND_IN_FAULT", ":").partition(":")
    return kind if whose == name else ""


def server(name):
    fault, spoiled = fault_of(name), []

    def prepare():
        if fault == "refuses":
            raise ValueError("it cannot")
        answer = request(name + ("preloaded" if fault == "differs" and "LD_PRELOAD" in os.environ else ""))
        return lambda: b"wrong" if spoiled else answer(), lambda: 1.0, {"stand-in": "1"}

    commands = answering.server_commands(prepare)

    def serve_with_fault(*words):
        if fault == "dies":
            os._exit(3)
        spoiled.extend([fault] if fault == "wrong" else [])
        return commands["serve"](*words)

    return commands | {"serve": serve_with_fault}


def busy():
    answer = request("busy")

    def work(count_from, count_until, until):
        done = 0
        while time.perf_counter() < float(until):
            answer()
            time.sleep(0.001)
            done += float(count_from) <= time.perf_counter() < float(count_until)
        return {"done": done, "fingerprint": answering.fingerprint(answer())}

    return {"prepare": lambda: {"fingerprint": answering.fingerprint(answer())}, "work": work}


def main():
    if "STAND_IN_NOTES" in os.environ:
        with open(os.environ["STAND_IN_NOTES"], "a", encoding="utf-8") as file:
            file.write(" ".join(sys.argv[1:]) + "\n")
    if len(sys.argv) == 1:
        answering.answer_lines(busy())
    elif sys.argv[1] == "--once":
        print(json.dumps({"fingerprint": answering.fingerprint(request("once")())}))
    else:
        answering.answer_lines(server(sys.argv[1]))


if __name__ == "__main__":
    main()
