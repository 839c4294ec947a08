"""pyarrow: threads of one process, one uncompressed file for each."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow

from squares import (
    ROW_GROUP, WORKERS, arguments, counted_files, describe_files, empty, files, measure, say, write_part,
)

FIRST_DECIMAL = 5 * 10**9


def write_values(part, path, work):
    """Writes the numbers of a part with doubles or decimals, in row groups that are never all in memory."""
    import numpy
    import pyarrow.parquet

    kind = pyarrow.float64() if work == "floats" else pyarrow.decimal128(38, 0)
    schema = pyarrow.schema([("n", pyarrow.int64()), ("value", kind)])
    random = numpy.random.Generator(numpy.random.SFC64(part[0]))
    with pyarrow.parquet.ParquetWriter(path, schema, use_dictionary=False, compression="none") as writer:
        for first in range(part[0], part[1], ROW_GROUP):
            n = numpy.arange(first, min(part[1], first + ROW_GROUP), dtype=numpy.int64)
            values = random.random(len(n)) if work == "floats" else squares_as_decimals(n + FIRST_DECIMAL - 1)
            writer.write_table(pyarrow.table([n, values], schema=schema), row_group_size=ROW_GROUP)


def squares_as_decimals(n):
    """Squares below 2 to the 128 of numbers below 2 to the 63, as little-endian halves, which is what Arrow has."""
    import numpy

    n = n.astype(numpy.uint64)
    low, high = n & 0xFFFF_FFFF, n >> 32
    middle = low * high * 2
    halves = numpy.empty((len(n), 2), dtype=numpy.uint64)
    numpy.multiply(n, n, out=halves[:, 0])
    # What the low half loses: its value as the sum of the parts, above 64 bits.
    carry = ((low * low) >> 32) + (middle & 0xFFFF_FFFF)
    halves[:, 1] = high * high + (middle >> 32) + (carry >> 32)
    return pyarrow.Array.from_buffers(pyarrow.decimal128(38, 0), len(n), [None, pyarrow.py_buffer(halves)])


def main():
    work, last, folder = arguments()
    is_plain = work == "file"
    write, option = (write_part, "none") if is_plain else (write_values, work)
    with ThreadPoolExecutor(WORKERS) as threads:
        run = lambda: list(threads.map(write, *zip(*files(last, folder, option))))
        seconds, _ = measure(run, lambda: (run(), empty(folder)))
    say(pyarrow.__version__, seconds, describe_files(folder) if is_plain else counted_files(folder))


main()
