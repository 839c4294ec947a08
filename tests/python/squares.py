"""Reads squares with independent Parquet readers and prints what each of them found.

Usage: squares.py PATH [READER...]

PATH is a Parquet file, or a folder of them that is read as one dataset. The readers are duckdb, pyarrow and polars,
all of them unless some are named. Printed for each: rows; the reader's name for the type of the values; the smallest
and the largest number; whether each number is there once, and in a file in order (the parts of a folder have no order
among each other); rows whose value is not exactly the square of the number; and the sum of all values, as text because
it may be beyond 64 bits.
"""

import json
import os
import sys


def duckdb(path):
    import duckdb

    files = os.path.join(path, "*.parquet") if os.path.isdir(path) else path
    rows = f"read_parquet('{files}', file_row_number = true)"
    # Numbers that are consecutive in the order of the file differ from the number of their row by the same amount.
    in_order = "count(DISTINCT n) = count(*)" if os.path.isdir(path) else (
        "min(n::HUGEINT - file_row_number) = max(n::HUGEINT - file_row_number)"
    )
    query = f"""
        SELECT count(*), min(n), max(n), {in_order}, count(*) FILTER (value::HUGEINT <> n::HUGEINT * n::HUGEINT)
        FROM {rows}
    """
    [(count, low, high, in_order, wrong)] = duckdb.sql(query).fetchall()
    [(kind,)] = duckdb.sql(f"SELECT DISTINCT typeof(value) FROM {rows}").fetchall()
    if kind.startswith("DECIMAL"):
        total = sum(int(value) for (value,) in duckdb.sql(f"SELECT value FROM {rows}").fetchall())
    else:
        [(total,)] = duckdb.sql(f"SELECT sum(value) FROM {rows}").fetchall()
    return summary(count, kind, low, high, in_order, wrong, total)


def pyarrow(path):
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    table = ds.dataset(path).to_table() if os.path.isdir(path) else pq.read_table(path)
    table.validate(full=True)
    n, value = table["n"].combine_chunks(), table["value"].combine_chunks()
    if pa.types.is_decimal(value.type):
        total = sum(int(square) for square in value.to_pylist())
    else:
        total = pc.sum(value.cast(pa.decimal128(38, 0))).as_py()
    return summary(
        len(table), str(value.type), pc.min(n).as_py(), pc.max(n).as_py(), consecutive(n.to_numpy(), path),
        wrong(n, value), total,
    )


def polars(path):
    import polars as pl

    files = os.path.join(path, "*.parquet") if os.path.isdir(path) else path
    frame = pl.read_parquet(files)
    n, value = frame["n"], frame["value"]
    if value.dtype.is_decimal():
        squares = [int(square) for square in value.to_list()]
        wrong = sum(number**2 != square for number, square in zip(n.to_list(), squares))
        total = sum(squares)
    else:
        wide, value = n.cast(pl.Int128), value.cast(pl.Int128)
        wrong = int((wide * wide != value).sum())
        total = value.sum()
    kind = str(frame["value"].dtype)
    return summary(frame.height, kind, n.min(), n.max(), consecutive(n.to_numpy(), path), wrong, total)


def summary(count, kind, low, high, consecutive, wrong, total):
    return {
        "rows": int(count), "type": kind, "first": low, "last": high, "consecutive": bool(consecutive),
        "wrong": int(wrong), "sum": str(total),
    }


def consecutive(numbers, path):
    import numpy

    if os.path.isdir(path):
        numbers = numpy.sort(numbers)
    # As unsigned, a step from i64::MIN on cannot overflow.
    return bool((numpy.diff(numbers.view("uint64")) == 1).all())


def wrong(n, value):
    import numpy
    import pyarrow as pa

    if pa.types.is_decimal(value.type):
        return sum(int(number) ** 2 != int(square) for number, square in zip(n.to_pylist(), value.to_pylist()))
    n, value = n.to_numpy(), value.to_numpy()
    assert numpy.abs(n).max() <= 3_037_000_499, "the square does not fit the column"
    return int((n * n != value).sum())


def main():
    path, *readers = sys.argv[1:]
    all_readers = {"duckdb": duckdb, "pyarrow": pyarrow, "polars": polars}
    print(json.dumps({name: all_readers[name](path) for name in readers or all_readers}))


if __name__ == "__main__":
    main()
