"""Dask: a local cluster of worker processes with one thread each; arrays come back over sockets."""

import logging

import dask
import distributed
import numpy
from dask.distributed import Client, LocalCluster

from squares import (
    WORKERS, arguments, describe, describe_files, describe_list, empty, files, measure, parts, say, square,
    square_part, write_part,
)


def collect(client, last, count):
    return numpy.concatenate(client.gather(client.map(square_part, parts(last, count), pure=False)))


def map_each(client, function, arguments):
    return client.gather(client.map(function, *arguments, pure=False))


def main():
    work, last, folder = arguments()
    version = distributed.__version__
    dask.config.set({"distributed.worker.memory.terminate": False})
    cluster = LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL,
    )
    with cluster, Client(cluster) as client:
        if work == "cold":
            return say(version, 0, describe([collect(client, last, WORKERS)]))
        if work == "collect":
            run = lambda: collect(client, last, 8 * WORKERS)
            seconds, values = measure(run, run)
            return say(version, seconds, describe([values]))
        if work == "file":
            run = lambda: map_each(client, write_part, zip(*files(last, folder)))
            seconds, _ = measure(run, lambda: (run(), empty(folder)))
            return say(version, seconds, describe_files(folder))
        if work == "overhead":
            run = lambda: map_each(client, square, [range(1, last + 1)])
            seconds, values = measure(run, lambda: map_each(client, square, [range(100)]))
            return say(version, seconds, describe_list(values))


if __name__ == "__main__":
    main()
