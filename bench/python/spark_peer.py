"""Spark: all cores of one machine in one Java process; arrays come back as Arrow through a socket."""

import os

import pyspark
from pyspark.sql import SparkSession

from squares import WORKERS, arguments, describe, describe_files, describe_list, empty, measure, say


def start():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    settings = {
        "spark.driver.memory": f"{max(1, min(10, memory // 2 >> 30))}g",
        "spark.driver.maxResultSize": "0",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "1000000",
    }
    builder = SparkSession.builder.master(f"local[{WORKERS}]").appName("squares")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def main():
    work, last, folder = arguments()
    session = start()
    squares = lambda tasks, last=last: session.range(1, last + 1, 1, tasks).selectExpr("id as n", "id * id as value")
    collect = lambda: squares(WORKERS).select("value").toPandas()["value"].to_numpy()
    if work == "cold":
        say(pyspark.__version__, 0, describe([collect()]))
    elif work == "collect":
        seconds, values = measure(collect, collect)
        say(pyspark.__version__, seconds, describe([values]))
    elif work == "file":
        # Spark wants to make the folder itself.
        path = os.path.join(folder, "squares")
        run = lambda: squares(WORKERS).write.parquet(path)
        seconds, _ = measure(run, lambda: (run(), empty(folder)))
        say(pyspark.__version__, seconds, describe_files(folder))
    elif work == "overhead":
        # One partition for each number makes one task for each.
        run = lambda last: squares(last, last).select("value").toPandas()["value"].tolist()
        seconds, values = measure(lambda: run(last), lambda: run(100))
        say(pyspark.__version__, seconds, describe_list(values))
    session.stop()


main()
