"""Polars: all cores of one process."""

import os

import polars

from squares import arguments, describe, describe_files, empty, measure, say


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
    run = lambda: squares(last).sink_parquet(os.path.join(folder, "squares.parquet"), compression="snappy")
    seconds, _ = measure(run, lambda: (run(), empty(folder)))
    say(polars.__version__, seconds, describe_files(folder))


main()
