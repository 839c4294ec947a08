"""Polars: all cores of one process."""

import os

import polars

from squares import arguments, counted, describe, describe_files, empty, measure, say


def squares(last):
    n = polars.col("n")
    return polars.select(polars.int_range(1, last + 1).alias("n")).lazy().with_columns((n * n).alias("value"))


def main():
    work, last, folder = arguments()
    collect = lambda: squares(last).select("value").collect()["value"]
    if work == "cold":
        return say(polars.__version__, 0, describe([collect().to_numpy()]))
    if work == "collect":
        seconds, values = measure(collect, collect)
        return say(polars.__version__, seconds, describe([values.to_numpy()]))
    value = polars.col("value")
    if work == "reduce":
        total = value.cast(polars.Int128).sum().alias("sum")
        wanted = [value.count().alias("count"), total, value.min().alias("min"), value.max().alias("max")]
        run = lambda: squares(last).select(wanted).collect(engine="streaming").row(0)
        seconds, (count, total, least, greatest) = measure(run, run)
        found = {"count": count, "sum": str(total), "first": least, "last": greatest}
        return say(polars.__version__, seconds, found)
    if work == "select":
        run = lambda: squares(last).filter(value % 7 == 4).select(polars.len()).collect(engine="streaming").item()
        seconds, count = measure(run, run)
        return say(polars.__version__, seconds, counted(count))
    run = lambda: squares(last).sink_parquet(os.path.join(folder, "squares.parquet"), compression="snappy")
    seconds, _ = measure(run, lambda: (run(), empty(folder)))
    say(polars.__version__, seconds, describe_files(folder))


main()
