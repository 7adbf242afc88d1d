#!/usr/bin/env python3
"""Runs programs of many frameworks natively and through Paella, compares every output bit for
bit, and writes the table of examples/COMPATIBILITY.md. Needs a GPU and a build;
tests/gpu/README.md tells more, --help the options."""
import os
import sys

GPU_TESTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests",
                         "gpu")
sys.path[0:1] = [os.path.join(GPU_TESTS, folder) for folder in ("compatibility", "gpu_check")]

from main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
