"""What all peers share: the work, how it is cut, and the one line of JSON that says what came of it.

A peer is called as `python PEER.py WORK LAST FOLDER`. The work is to square the numbers 1 to LAST:

    collect   into arrays of this process
    file      into Parquet files of the columns n and value in FOLDER, which is empty
    overhead  as LAST tasks of one number each, whose results are gathered
    cold      as collect, but the whole process is timed from outside
    reduce    to their count, sum, least and greatest, without keeping them
    select    to the count of those that leave 4 when they are divided by 7
    decimals  LAST squares from 5 * 10**9 on as decimal128 into Parquet files in FOLDER
    floats    LAST random doubles instead of squares into Parquet files in FOLDER

Only what every peer needs is imported here: the time it takes to start is a part of what is measured.
"""

import json
import os
import sys
import time

WORKERS = os.cpu_count()
ROW_GROUP = 1 << 20


def arguments():
    work, last, folder = sys.argv[1:4]
    return work, int(last), folder


def parts(last, count):
    """The numbers 1 to last in equal parts, as (first, end) with the end excluded."""
    bounds = [1 + last * i // count for i in range(count + 1)]
    return [(first, end) for first, end in zip(bounds, bounds[1:]) if first < end]


def square(n):
    return n * n


def square_part(part):
    import numpy

    values = numpy.arange(*part, dtype=numpy.int64)
    numpy.multiply(values, values, out=values)
    return values


def write_part(part, path, compression):
    """Writes the numbers of a part and their squares with pyarrow, in row groups that are never all in memory."""
    import numpy
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([("n", pyarrow.int64()), ("value", pyarrow.int64())])
    with pyarrow.parquet.ParquetWriter(path, schema, use_dictionary=False, compression=compression) as writer:
        for first in range(part[0], part[1], ROW_GROUP):
            n = numpy.arange(first, min(part[1], first + ROW_GROUP), dtype=numpy.int64)
            writer.write_table(pyarrow.table([n, n * n], schema=schema), row_group_size=ROW_GROUP)


def files(last, folder, compression="snappy"):
    """The arguments of write_part for one file per worker."""
    each = enumerate(parts(last, WORKERS))
    return [(part, os.path.join(folder, f"part-{i}.parquet"), compression) for i, part in each]


def empty(folder):
    """Removes what an earlier run has left in the folder."""
    import shutil

    for entry in os.scandir(folder):
        shutil.rmtree(entry.path) if entry.is_dir() else os.remove(entry.path)


def measure(run, warm_up):
    """Runs the work once to warm up and once with a clock; returns the seconds and the result."""
    if os.environ.get("SWATH_BENCH_WARM_UP") != "0":
        warmed = warm_up()
        del warmed
    begun = time.perf_counter()
    result = run()
    return time.perf_counter() - begun, result


def describe(arrays):
    """Count, exact sum, first and last of numpy arrays in order; takes no memory that would count as the peer's."""
    total = 0
    for array in arrays:
        for first in range(0, len(array), ROW_GROUP):
            block = array[first:first + ROW_GROUP]
            total += (int((block >> 32).sum()) << 32) + int((block & 0xFFFF_FFFF).sum())
    return {
        "count": sum(len(array) for array in arrays),
        "sum": str(total),
        "first": int(arrays[0][0]),
        "last": int(arrays[-1][-1]),
    }


def counted(count):
    """What is known where only a count was asked for."""
    return {"count": count, "sum": str(count), "first": 0, "last": 0}


def describe_list(values):
    return {"count": len(values), "sum": str(sum(values)), "first": values[0], "last": values[-1]}


def describe_files(folder):
    """The same of Parquet files, in a process of its own that does not count as the peer's."""
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name != "SWATH_BENCH_TREE"}
    command = [sys.executable, os.path.abspath(__file__), folder]
    return json.loads(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)


def read_files(folder):
    """What is in Parquet files, in the order of n; rows whose value is wrong are not counted."""
    import duckdb

    pattern = os.path.join(folder, "**", "*.parquet")
    query = f"""
        select count(*) filter (where value = n * n), sum(value::hugeint), arg_min(value, n), arg_max(value, n)
        from read_parquet('{pattern}')
    """
    count, total, first, last = duckdb.connect().execute(query).fetchone()
    sizes = [os.path.getsize(path) for path in paths(folder)]
    return {
        "count": count, "sum": str(int(total)), "first": first, "last": last,
        "bytes": sum(sizes), "files": len(sizes),
    }


def counted_files(folder):
    """How many rows Parquet files have, with their size."""
    import pyarrow.parquet

    found = list(paths(folder))
    sizes = [os.path.getsize(path) for path in found]
    rows = sum(pyarrow.parquet.read_metadata(path).num_rows for path in found)
    return counted(rows) | {"bytes": sum(sizes), "files": len(sizes)}


def paths(folder):
    for where, _, names in os.walk(folder):
        yield from (os.path.join(where, name) for name in names if name.endswith(".parquet"))


def say(version, seconds, found):
    print(json.dumps({"version": version, "seconds": seconds} | found), flush=True)


if __name__ == "__main__":
    print(json.dumps(read_files(sys.argv[1])))
