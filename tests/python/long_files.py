"""Compares long files of squares with what numpy computes.

Usage: long_files.py ARROW NPY

Both hold the squares of 1, 2, 3 and so on. Printed for each: its rows, and how many of them are wrong.
"""

import json
import sys

import numpy
import pyarrow as pa


def main():
    arrow, npy = sys.argv[1:]
    with pa.memory_map(arrow) as file:
        table = pa.ipc.open_file(file).read_all()
    table.validate(full=True)
    values = numpy.load(npy)
    numbers = numpy.arange(1, len(table) + 1)
    wrong = (table["n"].to_numpy() != numbers) | (table["value"].to_numpy() != numbers**2)
    print(json.dumps({
        "arrow": {"rows": len(table), "wrong": int(wrong.sum())},
        "npy": {"rows": len(values), "wrong": int((values != numpy.arange(1, len(values) + 1) ** 2).sum())},
    }))


if __name__ == "__main__":
    main()
