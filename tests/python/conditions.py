"""Selects rows with DuckDB by conditions that others evaluate, too.

Usage: conditions.py

Standard input is a JSON object. `columns` has a name, a type of DuckDB's and a list of values for each column; values
are texts that DuckDB casts to the type, or null; dates and timestamps are days and microseconds since 1970. `conditions` are texts. Printed is a list with the numbers, which are
the values of the column `n`, that each of them selects, in order; or a text where DuckDB refuses it.
"""

import json
import sys

import duckdb


def main():
    asked = json.load(sys.stdin)
    connection = duckdb.connect()
    names = [name for name, _, _ in asked["columns"]]
    texts = ", ".join(f'"{name}" VARCHAR' for name in names)
    connection.execute(f"CREATE TABLE texts ({texts})")
    rows = list(zip(*(values for _, _, values in asked["columns"])))
    places = ", ".join("?" for _ in names)
    connection.executemany(f"INSERT INTO texts VALUES ({places})", rows)
    casts = ", ".join(f'{cast(name, kind)} AS "{name}"' for name, kind, _ in asked["columns"])
    connection.execute(f"CREATE TABLE rows AS SELECT {casts} FROM texts")
    print(json.dumps([select(connection, condition) for condition in asked["conditions"]]))


def cast(name, kind):
    # Days, and microseconds, since 1970.
    if kind == "DATE":
        return f"DATE '1970-01-01' + CAST(\"{name}\" AS INTEGER)"
    if kind == "TIMESTAMP":
        return f'make_timestamp(CAST("{name}" AS BIGINT))'
    return f'CAST("{name}" AS {kind})'


def select(connection, condition):
    try:
        return [n for (n,) in connection.execute(f"SELECT n FROM rows WHERE {condition} ORDER BY n").fetchall()]
    except duckdb.Error as error:
        return str(error)


if __name__ == "__main__":
    main()
