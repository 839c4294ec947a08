"""multiprocessing: a pool of processes; arrays come back through shared memory, Python numbers through pipes."""

import multiprocessing
import platform
from multiprocessing import resource_tracker, shared_memory

from squares import (
    WORKERS, arguments, describe, describe_files, describe_list, empty, files, measure, parts, say, square, write_part,
)


def fill(name, part):
    """Squares a part right where the parent reads it."""
    import numpy

    shared = shared_memory.SharedMemory(name=name)
    values = numpy.ndarray(part[1] - part[0], numpy.int64, shared.buf, offset=(part[0] - 1) * 8)
    numbers = numpy.arange(*part, dtype=numpy.int64)
    numpy.multiply(numbers, numbers, out=values)
    del values
    shared.close()


class Collected:
    """The squares in shared memory; gone when it is dropped."""

    def __init__(self, pool, last):
        import numpy

        self.shared = shared_memory.SharedMemory(create=True, size=last * 8)
        pool.starmap(fill, [(self.shared.name, part) for part in parts(last, WORKERS)])
        self.values = numpy.ndarray(last, numpy.int64, self.shared.buf)

    def __del__(self):
        self.values = None
        self.shared.close()
        self.shared.unlink()


def main():
    work, last, folder = arguments()
    version = platform.python_version()
    # Before the pool, so that its processes share it.
    resource_tracker.ensure_running()
    with multiprocessing.Pool(WORKERS) as pool:
        if work == "cold":
            return say(version, 0, describe_list(pool.map(square, range(1, last + 1))))
        if work == "collect":
            run = lambda: Collected(pool, last)
            seconds, collected = measure(run, run)
            return say(version, seconds, describe([collected.values]))
        if work == "file":
            run = lambda: pool.starmap(write_part, files(last, folder))
            seconds, _ = measure(run, lambda: (run(), empty(folder)))
            return say(version, seconds, describe_files(folder))
        if work == "overhead":
            run = lambda: list(pool.imap(square, range(1, last + 1)))
            seconds, values = measure(run, lambda: list(pool.imap(square, range(100))))
            return say(version, seconds, describe_list(values))


if __name__ == "__main__":
    main()
