"""numpy: one thread of one process."""

import numpy

from squares import ROW_GROUP, arguments, counted, describe, measure, say, square_part


def blocks(last):
    for first in range(1, last + 1, ROW_GROUP):
        yield square_part((first, min(first + ROW_GROUP, last + 1)))


def reduce(last):
    count, total, least, greatest = 0, 0, [], []
    for block in blocks(last):
        count += len(block)
        # In halves, because numpy wraps.
        total += (int((block >> 32).sum()) << 32) + int((block & 0xFFFF_FFFF).sum())
        least.append(int(block.min()))
        greatest.append(int(block.max()))
    return {"count": count, "sum": str(total), "first": min(least), "last": max(greatest)}


def select(last):
    return counted(sum(int(numpy.count_nonzero(block % 7 == 4)) for block in blocks(last)))


def main():
    work, last, _ = arguments()
    if work == "cold":
        return say(numpy.__version__, 0, describe([square_part((1, last + 1))]))
    if work in ("reduce", "select"):
        run = lambda: (reduce if work == "reduce" else select)(last)
        # Nothing here is slower the first time.
        seconds, found = measure(run, lambda: None)
        return say(numpy.__version__, seconds, found)
    run = lambda: square_part((1, last + 1))
    seconds, values = measure(run, run)
    say(numpy.__version__, seconds, describe([values]))


main()
