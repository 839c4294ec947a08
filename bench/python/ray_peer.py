"""Ray: tasks in worker processes; arrays come back as views of its shared memory."""

import logging
import os

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray

from squares import (
    WORKERS, arguments, describe, describe_files, describe_list, empty, files, measure, parts, say, square,
    square_part, write_part,
)


def start(last):
    ray.init(
        num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
        # Room for the results of the warm-up beside those that are measured.
        object_store_memory=max(1 << 30, 3 * 8 * last),
    )


def main():
    work, last, folder = arguments()
    if work == "cold":
        start(last)
        task = ray.remote(square_part)
        return say(ray.__version__, 0, describe(ray.get([task.remote(part) for part in parts(last, WORKERS)])))
    start(last)
    if work == "overhead":
        task = ray.remote(square)
        run = lambda: ray.get([task.remote(n) for n in range(1, last + 1)])
        seconds, values = measure(run, lambda: ray.get([task.remote(n) for n in range(200)]))
        return say(ray.__version__, seconds, describe_list(values))
    if work == "file":
        task = ray.remote(write_part)
        run = lambda: ray.get([task.remote(*each) for each in files(last, folder)])
        seconds, _ = measure(run, lambda: (run(), empty(folder)))
        return say(ray.__version__, seconds, describe_files(folder))
    task = ray.remote(square_part)
    run = lambda: ray.get([task.remote(part) for part in parts(last, WORKERS)])
    if work == "collect-one-array":
        import numpy

        run = lambda: numpy.concatenate(ray.get([task.remote(part) for part in parts(last, 8 * WORKERS)]))
    seconds, values = measure(run, run)
    say(ray.__version__, seconds, describe([values] if work == "collect-one-array" else values))


main()
