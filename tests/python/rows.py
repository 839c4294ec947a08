"""Reads a small result file and prints its rows.

Usage: rows.py READER FILE

The reader is pyarrow, polars, duckdb or numpy. Printed: the names and types of the columns, and the values of each
column; decimals as text.
"""

import decimal
import json
import sys


def pyarrow(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.endswith(".arrow"):
        with pa.OSFile(path) as file:
            table = pa.ipc.open_file(file).read_all()
    elif ".arrows" in path:
        compression = {"gz": "gzip", "zst": "zstd"}.get(path.rsplit(".", 1)[1])
        with pa.input_stream(path, compression=compression) as stream:
            table = pa.ipc.open_stream(stream).read_all()
    else:
        table = pq.read_table(path)
    table.validate(full=True)
    return {field.name: str(field.type) for field in table.schema}, table.to_pydict()


def polars(path):
    import polars as pl

    readers = {
        "parquet": pl.read_parquet, "arrow": pl.read_ipc, "arrows": pl.read_ipc_stream, "csv": pl.read_csv,
        "tsv": lambda path: pl.read_csv(path, separator="\t"), "jsonl": pl.read_ndjson, "ndjson": pl.read_ndjson,
    }
    frame = readers[path.split(".")[1]](path)
    return {name: str(kind) for name, kind in frame.schema.items()}, frame.to_dict(as_series=False)


def duckdb(path):
    import duckdb

    ending = path.split(".")[1]
    function = {"parquet": "read_parquet", "csv": "read_csv", "tsv": "read_csv", "jsonl": "read_json_auto"}[ending]
    relation = duckdb.sql(f"SELECT * FROM {function}('{path}')")
    kinds = dict(zip(relation.columns, map(str, relation.types)))
    columns = zip(*relation.fetchall())
    return kinds, dict(zip(kinds, map(list, columns)))


def numpy(path):
    import numpy

    values = numpy.load(path)
    # Of an array of structs, rows are lists.
    return {"value": str(values.dtype)}, {"value": values.tolist()}


def plain(value):
    return str(value) if isinstance(value, decimal.Decimal) else value


def main():
    reader, path = sys.argv[1:]
    kinds, columns = {"pyarrow": pyarrow, "polars": polars, "duckdb": duckdb, "numpy": numpy}[reader](path)
    columns = {name: [plain(value) for value in values] for name, values in columns.items()}
    print(json.dumps({"columns": kinds} | columns))


if __name__ == "__main__":
    main()
