#!/usr/bin/env python3
"""Compares two tables of answers that `bad_calls --all --json` wrote: prints the rows that differ, exits with 1 if any.

--exclude names a file of rows that may differ: a row's name a line, then the reason; # starts a comment.
"""
import argparse
import json
import sys

ABSENT = ["(no such row)"]


def read_table(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_excluded(path):
    """Names of rows. A row without a reason is a mistake: nobody could tell later why it may differ."""
    names = set()
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            words = line.split("#", 1)[0].split(maxsplit=1)
            if len(words) == 1:
                sys.exit(f"{path}:{number}: {words[0]} has no reason")
            names.update(words[:1])
    return names


def differences(first, second):
    """(name, answers of the first, answers of the second) of each row that is not the same in both."""
    for name in sorted(first.keys() | second.keys()):
        ours, theirs = first.get(name, ABSENT), second.get(name, ABSENT)
        if ours != theirs:
            yield name, ours, theirs


def steps(answers):
    return ", ".join(answer.removeprefix("CUDA_ERROR_").removeprefix("CUDA_") for answer in answers)


def print_table(header, rows):
    lines = [header] + [(name, steps(first), steps(second)) for name, first, second in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("--exclude", metavar="FILE", action="append", default=[],
                        help="rows that may differ, with reasons; repeatable")
    options = parser.parse_args()
    first, second = read_table(options.first), read_table(options.second)
    excluded = set().union(*map(read_excluded, options.exclude))
    unknown = excluded - first.keys() - second.keys()
    if unknown:
        sys.exit(f"{' '.join(options.exclude)}: no such rows: {', '.join(sorted(unknown))}")
    found = list(differences(first, second))
    differing = [row for row in found if row[0] not in excluded]
    if differing:
        print_table(("row", options.first, options.second), differing)
    print(f"{len(first.keys() | second.keys())} rows, {len(differing)} differ, "
          f"{len(found) - len(differing)} more differ and may")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
