"""Reads a Parquet file with a column of every type with other people's readers, and compares their values.

Usage: parquet_types.py FILE --narrow FILE [--without READER]...

The narrow file is the same without decimals of 76 digits, with which Spark reads nothing of a file.

The files are written by tests/tests/parquet_types.rs, and VALUES says what it must hold: each column is a function of the
row. Printed is one JSON object: for each reader its `rows`; `columns`, how many of them it was asked for; and `wrong`,
for each column with a wrong value the first such row, what was found, and what was expected.

Left out, for each reader, is what it has no type for: see LACKS.
"""

import argparse
import datetime
import decimal
import json
import math
import os

import pyarrow.parquet as pq

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
EPOCH_UTC = datetime.datetime(1970, 1, 1, tzinfo=UTC)


def some(row, every, value):
    return None if row % every == 0 else value


def scaled(value, scale):
    return decimal.Decimal(value).scaleb(-scale)


def items(row):
    return range(row, row + row % 3)


decimal.getcontext().prec = 90
VALUES = {
    "n": lambda r: 3 * r,
    "nothing": lambda r: None,
    "flag": lambda r: r % 3 == 0,
    "maybe": lambda r: some(r, 5, r % 3 == 0),
    "i8": lambda r: r % 256 - 128,
    "i16": lambda r: some(r, 7, r % 65536 - 32768),
    "i32": lambda r: (r * 100003) % 2**32 - 2**31,
    "i64": lambda r: -(2**63) + r,
    "i64n": lambda r: some(r, 2, 2**63 - 1 - r),
    "u8": lambda r: r % 256,
    "u16": lambda r: some(r, 3, r % 65536),
    "u32": lambda r: 2**32 - 1 - r,
    "u64": lambda r: 2**64 - 1 - r,
    "f32": lambda r: r / 4,
    "f64": lambda r: r / 7,
    "f64n": lambda r: some(r, 4, -r * 1e300),
    "d9": lambda r: scaled(r * 1009 - 999999999, 2),
    "d18": lambda r: some(r, 9, scaled(r * 1000000007, 3)),
    "d38": lambda r: decimal.Decimal(10**38 - 1 - r),
    "d38n": lambda r: some(r, 6, scaled(r - 10**38 + 1, 5)),
    "d76": lambda r: scaled(10**37 * r, 10),
    "text": lambda r: "gräs" * (r % 4),
    "textn": lambda r: some(r, 4, f"row {r}"),
    "raw": lambda r: some(r, 3, bytes([r % 256]) * (r % 5)),
    "fixed": lambda r: bytes([r % 256, 0, 255]),
    "day": lambda r: datetime.date(1970, 1, 1) + datetime.timedelta(days=r - 20000),
    "s": lambda r: EPOCH + datetime.timedelta(seconds=86399 * r),
    "ms": lambda r: EPOCH_UTC + datetime.timedelta(milliseconds=86399001 * r),
    "us": lambda r: some(r, 10, EPOCH + datetime.timedelta(microseconds=1000003 * r)),
    # Times of Python have no nanoseconds.
    "ns": lambda r: EPOCH_UTC + datetime.timedelta(microseconds=1000000007 * r // 1000),
    "list": lambda r: list(items(r)),
    "listn": lambda r: some(r, 7, [some(item, 2, str(item)) for item in items(r)]),
    "pair": lambda r: {"a": r, "b": some(r, 3, f"b{r}")},
    "pairs": lambda r: some(r, 7, [{"k": f"k{item}", "v": some(item, 4, item)} for item in items(r)]),
}

# What a reader has no type for: decimals of 76 digits; unsigned integers of 64 bits and times in nanoseconds (Spark, which
# reads the latter as integers at best); nested columns of more than a list of plain values (fastparquet, which also makes
# floats of decimals and so is asked for those that are exact).
LACKS = {
    "pyarrow": set(),
    "duckdb": {"d76"},
    "polars": {"d76"},
    "pandas": set(),
    "fastparquet": {"nothing", "d76", "d38", "d38n", "d18", "pair", "pairs"},
    "spark": {"d76", "u64", "ns"},
}


# A reader gives how many rows there are, and for each column the values in the chosen rows.


def pyarrow(path, columns, chosen):
    import pyarrow

    table = pq.read_table(path, columns=columns)
    table.validate(full=True)
    values = {}
    for name in columns:
        column = table[name].take(chosen)
        if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            column = column.cast(pyarrow.timestamp("us", tz=column.type.tz), safe=False)
        values[name] = column.to_pylist()
    return table.num_rows, values


def duckdb(path, columns, chosen):
    import duckdb

    connection = duckdb.connect()
    [(rows,)] = connection.sql(f"SELECT count(*) FROM '{path}'").fetchall()
    numbers = ", ".join(str(3 * row) for row in chosen)
    table = connection.sql(f"SELECT {', '.join(columns)} FROM '{path}' WHERE n IN ({numbers}) ORDER BY n").fetchall()
    return rows, dict(zip(columns, zip(*table)))


def polars(path, columns, chosen):
    import polars

    frame = polars.read_parquet(path, columns=columns)
    return frame.height, {name: frame[name].gather(chosen).to_list() for name in columns}


def pandas(path, columns, chosen):
    import pandas

    frame = pandas.read_parquet(path, columns=columns, engine="pyarrow", dtype_backend="pyarrow")
    return len(frame), {name: frame[name].iloc[chosen].tolist() for name in columns}


def fastparquet(path, columns, chosen):
    import fastparquet

    frame = fastparquet.ParquetFile(path).to_pandas(columns=columns)
    return len(frame), {name: frame[name].iloc[chosen].tolist() for name in columns}


def spark(path, columns, chosen):
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    # A JVM that begins fast: no compiler for code that runs for minutes.
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--driver-memory 1g --driver-java-options '{java}' pyspark-shell"
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("swath")
    for name, value in {
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR", "spark.sql.session.timeZone": "UTC",
        "spark.sql.codegen.wholeStage": "false", "spark.sql.legacy.parquet.nanosAsLong": "true",
    }.items():
        builder = builder.config(name, value)
    table = builder.getOrCreate().read.parquet(path).select(columns).toArrow()
    return table.num_rows, {name: table[name].take(chosen).to_pylist() for name in columns}


READERS = {reader.__name__: reader for reader in [pyarrow, duckdb, polars, pandas, fastparquet, spark]}


def plain(value):
    """What a reader gave, as VALUES has it."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)) or type(value).__name__ == "ndarray":
        return [plain(inner) for inner in value]
    if isinstance(value, float) and value != value:
        return None
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def same(found, expected):
    if isinstance(expected, decimal.Decimal) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=1e-15, abs_tol=1e-9)
    if isinstance(found, datetime.datetime) and isinstance(expected, datetime.datetime):
        # Which of them know that they are in UTC is a matter of the reader.
        return found.replace(tzinfo=None) == expected.replace(tzinfo=None)
    if isinstance(found, datetime.datetime) and isinstance(expected, datetime.date):
        return found == datetime.datetime.combine(expected, datetime.time())
    return found == expected


def judge(name, path, rows):
    columns = [column for column in VALUES if column not in LACKS[name]]
    # Those of the first block, around the ends of pages and of the file, and some between.
    chosen = [row for row in range(rows) if row < 100 or row % 101 == 0 or row % 2**15 < 20 or row > rows - 20]
    found_rows, values = READERS[name](path, columns, chosen)
    wrong = {column: ["there are", len(values[column])] for column in columns if len(values[column]) != len(chosen)}
    for column in columns:
        for row, value in zip(chosen, values[column]):
            found, expected = plain(value), VALUES[column](row)
            if not same(found, expected):
                wrong[column] = [row, repr(found), repr(expected)]
                break
    return {"rows": found_rows, "columns": len(columns), "wrong": wrong}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--narrow", required=True)
    parser.add_argument("--without", action="append", default=[])
    arguments = parser.parse_args()
    rows = pq.read_metadata(arguments.file).num_rows
    readers = [name for name in READERS if name not in arguments.without]
    files = {name: arguments.narrow if name == "spark" else arguments.file for name in readers}
    print(json.dumps({name: judge(name, file, rows) for name, file in files.items()}))


if __name__ == "__main__":
    main()
