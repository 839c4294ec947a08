"""DuckDB: all cores of one process."""

import os

import duckdb

from squares import arguments, counted, counted_files, describe, describe_files, empty, measure, say


def main():
    work, last, folder = arguments()
    database = duckdb.connect()
    squares = f"select range as n, range * range as value from range(1, {last + 1})"
    if work == "cold":
        values = database.sql(squares).fetchnumpy()["value"]
        return say(duckdb.__version__, 0, describe([values]))
    if work == "collect":
        run = lambda: database.sql(f"select value from ({squares})").to_arrow_table()
        seconds, table = measure(run, run)
        return say(duckdb.__version__, seconds, describe([table["value"].to_numpy()]))
    if work == "reduce":
        query = f"select count(value), sum(value), min(value), max(value) from ({squares})"
        run = lambda: database.execute(query).fetchone()
        seconds, (count, total, least, greatest) = measure(run, run)
        found = {"count": count, "sum": str(int(total)), "first": least, "last": greatest}
        return say(duckdb.__version__, seconds, found)
    if work == "select":
        run = lambda: database.execute(f"select count(*) from ({squares}) where value % 7 = 4").fetchone()
        seconds, (count,) = measure(run, run)
        return say(duckdb.__version__, seconds, counted(count))
    if work == "decimals":
        first = 5 * 10**9
        squares = f"""
            select range as n, (range::hugeint * range::hugeint)::decimal(38, 0) as value
            from range({first}, {first + last})
        """
    target, options = os.path.join(folder, "squares.parquet"), "format parquet"
    if work == "file-per-thread":
        target, options = os.path.join(folder, "squares"), "format parquet, per_thread_output, compression uncompressed"
    run = lambda: database.execute(f"copy ({squares}) to '{target}' ({options})")
    seconds, _ = measure(run, lambda: (run(), empty(folder)))
    say(duckdb.__version__, seconds, counted_files(folder) if work == "decimals" else describe_files(folder))


main()
