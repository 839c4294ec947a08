"""Reads Parquet files with other people's readers, compares every value, and prints what each reader found.

Usage: parquet_readers.py KERNEL=FILE... [--without READER]...

KERNEL is square, is-prime, collatz or random: what the values must be. Each of these readers reads each file:

- pyarrow (C++), duckdb (C++), polars (Rust) and fastparquet (Python and Cython);
- spark, with its own vectorized reader, and parquet-java, which is Spark with that reader switched off and record-level
  filters switched on. They need Java; both live in one JVM.

Printed are lines of JSON. First one for each file, without a `reader`: `kinds`, the compression and the encodings of the
values in its row groups; `statistics`, whether they are right; its `rows`; and `filters`, how many rows each filter should
give. Then for each reader one when it is there, and one for each file: `rows`; `nulls`; `in_order`, whether the numbers follow
each other; `wrong`, how many values are not exactly right; and `filters`, how many rows each filter gives. fastparquet makes floats of decimals: there,
`wrong` counts values that are not the nearest float, and only numbers are filtered.
"""

import argparse
import decimal
import functools
import json
import operator
import os
import tempfile

import pyarrow.parquet as pq


def square(n):
    return n * n


def is_prime(n):
    return n > 1 and all(n % divisor for divisor in range(2, int(n**0.5) + 1))


def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def random(n):
    bits = 2**64 - 1
    state = (1 + n * 0x9E3779B97F4A7C15) & bits
    mixed = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & bits
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & bits
    return ((mixed ^ mixed >> 31) >> 11) / 2**53


KERNELS = {"square": square, "is-prime": is_prime, "collatz": collatz, "random": random}
COMPARE = {"==": operator.eq, ">": operator.gt, "<=": operator.le}


class Reader:
    """`columns` gives all numbers and values; `count` the rows that meet a condition, None where that cannot be asked."""

    def start(self):
        pass

    def counts(self, path, conditions):
        return [self.count(path, *condition) for condition in conditions]


class PyArrow(Reader):
    def columns(self, path):
        table = pq.read_table(path)
        table.validate(full=True)
        return table["n"].to_pylist(), table["value"].to_pylist()

    def count(self, path, column, compare, value):
        return pq.read_table(path, filters=[(column, compare, value)]).num_rows


class DuckDB(Reader):
    def columns(self, path):
        import duckdb

        rows = duckdb.sql(f"SELECT n, value FROM read_parquet('{path}')").fetchall()
        return [n for n, _ in rows], [value for _, value in rows]

    def count(self, path, column, compare, value):
        import duckdb

        # With an exponent it is no decimal.
        value = f"{value:.17e}" if isinstance(value, float) else value
        [(count,)] = duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE {column} {compare} {value}").fetchall()
        return count


class Polars(Reader):
    def columns(self, path):
        import polars

        frame = polars.read_parquet(path)
        return frame["n"].to_list(), frame["value"].to_list()

    def count(self, path, column, compare, value):
        import polars

        value = polars.lit(value, dtype=polars.Decimal(38, 0)) if isinstance(value, decimal.Decimal) else value
        return polars.scan_parquet(path).filter(COMPARE[compare](polars.col(column), value)).collect().height


class FastParquet(Reader):
    def columns(self, path):
        import fastparquet

        frame = fastparquet.ParquetFile(path).to_pandas()
        return frame["n"].tolist(), frame["value"].tolist()

    def count(self, path, column, compare, value):
        import fastparquet

        if isinstance(value, decimal.Decimal):
            return None
        filters = [(column, compare, value)]
        return len(fastparquet.ParquetFile(path).to_pandas(filters=filters, row_filter=True))


class Spark(Reader):
    session = None

    def __init__(self, vectorized):
        self.settings = {
            "spark.sql.parquet.enableVectorizedReader": vectorized,
            "spark.sql.parquet.recordLevelFilter.enabled": not vectorized,
        }

    def start(self):
        if Spark.session is None:
            os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
            # A JVM that begins fast: no compiler for code that runs for minutes.
            java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
            os.environ["PYSPARK_SUBMIT_ARGS"] = f"--driver-memory 1g --driver-java-options '{java}' pyspark-shell"
            from pyspark.sql import SparkSession

            builder = SparkSession.builder.master("local[1]").appName("swath")
            settings = {
                "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": False,
                "spark.ui.showConsoleProgress": False, "spark.log.level": "ERROR",
                "spark.local.dir": tempfile.gettempdir(), "spark.sql.shuffle.partitions": 1,
                # Small queries are planned faster than compiled.
                "spark.sql.adaptive.enabled": False, "spark.sql.codegen.wholeStage": False,
            }
            for name, value in settings.items():
                builder = builder.config(name, str(value).lower() if isinstance(value, bool) else value)
            Spark.session = builder.getOrCreate()
        for name, value in self.settings.items():
            Spark.session.conf.set(name, str(value).lower())

    def open(self, path):
        return Spark.session.read.parquet(path)

    def columns(self, path):
        table = self.open(path).toArrow()
        return table["n"].to_pylist(), table["value"].to_pylist()

    def counts(self, path, conditions):
        from pyspark.sql import functions

        frame = self.open(path)
        filtered = [frame.filter(COMPARE[compare](frame[column], value)) for column, compare, value in conditions]
        # All of them in one query: to plan it takes longer than to run it.
        rows = [rows.select(functions.lit(index)) for index, rows in enumerate(filtered)]
        found = functools.reduce(lambda all, one: all.union(one), rows).toArrow()[0].to_pylist()
        return [found.count(index) for index in range(len(conditions))]


READERS = {
    "pyarrow": PyArrow(), "duckdb": DuckDB(), "polars": Polars(), "fastparquet": FastParquet(),
    "spark": Spark(vectorized=True), "parquet-java": Spark(vectorized=False),
}


def kinds(path):
    """The compression and the encodings of the values, of each row group."""
    file = pq.ParquetFile(path).metadata
    columns = [file.row_group(group).column(1) for group in range(file.num_row_groups)]
    return sorted({f"{column.compression} {' '.join(column.encodings)}" for column in columns})


def statistics_are_right(path, numbers, values):
    """Whether each row group says its smallest and greatest number and value, and that none is null."""
    file = pq.ParquetFile(path).metadata
    start = 0
    for group in range(file.num_row_groups):
        end = start + file.row_group(group).num_rows
        for index, expected in enumerate([numbers[start:end], values[start:end]]):
            found = file.row_group(group).column(index).statistics
            if found.physical_type == "DOUBLE" and not found.has_min_max:
                # pyarrow does not know the total order of IEEE 754 yet, and ignores what it does not know.
                expected = [None]
            if (found.min, found.max, found.null_count) != (min(expected), max(expected), 0):
                return False
        start = end
    return start == len(numbers)


def conditions(numbers, values):
    """Of the numbers and of the values: one that is there, one beyond all, and a part."""
    greatest = values[-1] if isinstance(values[-1], bool) else max(values)
    middle = len(numbers) // 2
    chosen = [("n", "==", numbers[middle]), ("n", ">", numbers[-1]), ("n", "<=", numbers[middle])]
    chosen.append(("value", "==", values[middle]))
    if not isinstance(greatest, bool):
        chosen += [("value", ">", greatest), ("value", "<=", values[middle])]
    return chosen


def same(found, expected):
    # What fastparquet makes of decimals.
    return found == float(expected) if isinstance(found, float) else found == expected


class Expected:
    """What a file must hold."""

    def __init__(self, kernel, path):
        self.path = path
        file = pq.read_metadata(path)
        first = file.row_group(0).column(0).statistics.min
        self.numbers = list(range(first, first + file.num_rows))
        self.values = [KERNELS[kernel](n) for n in self.numbers]
        if file.schema.column(1).physical_type == "FIXED_LEN_BYTE_ARRAY":
            self.values = [decimal.Decimal(value) for value in self.values]
        self.conditions = conditions(self.numbers, self.values)

    def judge_file(self):
        columns = {"n": self.numbers, "value": self.values}
        counts = [sum(COMPARE[compare](row, value) for row in columns[name]) for name, compare, value in self.conditions]
        return {
            "reader": None, "file": self.path, "kinds": kinds(self.path),
            "statistics": statistics_are_right(self.path, self.numbers, self.values),
            "rows": len(self.numbers), "filters": counts,
        }

    def judge_reader(self, name):
        numbers, values = READERS[name].columns(self.path)
        return {
            "reader": name, "file": self.path, "rows": len(numbers),
            "nulls": sum(value is None or value != value for value in numbers + values),
            "in_order": numbers == self.numbers,
            "wrong": sum(not same(found, value) for found, value in zip(values, self.values)),
            "filters": READERS[name].counts(self.path, self.conditions),
        }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--without", action="append", default=[])
    arguments = parser.parse_args()
    files = [Expected(*file.split("=", 1)) for file in arguments.files]
    for file in files:
        print(json.dumps(file.judge_file()), flush=True)
    for name in READERS:
        if name not in arguments.without:
            READERS[name].start()
            print(json.dumps({"reader": name, "started": True}), flush=True)
            for file in files:
                print(json.dumps(file.judge_reader(name)), flush=True)


if __name__ == "__main__":
    main()
