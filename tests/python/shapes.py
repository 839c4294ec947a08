"""Rows and reductions as Arrow Flight and data tools read them: shapes.py ADDRESS SPARSE REDUCED LISTS, shapes.py files."""

import json
import sys


def flight(address, sparse, reduced, lists):
    import pyarrow.flight

    client = pyarrow.flight.connect(f"grpc://{address}")

    def read(**ticket):
        return client.do_get(pyarrow.flight.Ticket(json.dumps(ticket))).read_all()

    rows = read(job=sparse)
    factors = read(job=lists)
    try:
        read(job=reduced, first=5)
        refused = ""
    except pyarrow.lib.ArrowException as error:
        refused = str(error)
    merged = read(job=reduced).to_pydict()
    merged["sum"] = [str(value) for value in merged["sum"]]
    return {
        "sparse": rows.to_pydict(),
        "part": read(job=sparse, first=500, last=2000, columns=["n"]).column("n").to_pylist(),
        "reduced": merged,
        "factors": {"rows": factors.num_rows, "of_4620": factors.column("factors")[4619].as_py()},
        "refused": refused,
    }


def pyarrow_table(file):
    import pyarrow.parquet

    return pyarrow.parquet.read_table(file).to_pylist()


def duckdb_table(file):
    import duckdb

    return duckdb.sql(f"select * from '{file}'").to_arrow_table().to_pylist()


def polars_table(file):
    import polars

    return polars.read_parquet(file).to_dicts()


def files():
    seen = {}
    for name, table in [("pyarrow", pyarrow_table), ("duckdb", duckdb_table), ("polars", polars_table)]:
        factors = {row["n"]: row["factors"] for row in table("factors.parquet")}
        peaks = {row["n"]: row for row in table("peaks.parquet")}
        seen[name] = {
            "factors of 2310": list(factors[2310]),
            "steps and peak of 2919": [peaks[2919]["steps"], str(peaks[2919]["peak"])],
            "count": table("count.parquet")[0]["count"],
        }
    return seen


if sys.argv[1] == "files":
    answer = files()
else:
    answer = flight(sys.argv[1], *map(int, sys.argv[2:]))
print(json.dumps(answer))
