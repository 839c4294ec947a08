"""numpy: one thread of one process."""

import numpy

from squares import arguments, describe, measure, say, square_part


def main():
    work, last, _ = arguments()
    if work == "cold":
        return say(numpy.__version__, 0, describe([square_part((1, last + 1))]))
    run = lambda: square_part((1, last + 1))
    seconds, values = measure(run, run)
    say(numpy.__version__, seconds, describe([values]))


main()
