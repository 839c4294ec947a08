"""pyarrow: threads of one process, one uncompressed file for each."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow

from squares import WORKERS, arguments, describe_files, empty, files, measure, say, write_part


def main():
    _, last, folder = arguments()
    with ThreadPoolExecutor(WORKERS) as threads:
        run = lambda: list(threads.map(write_part, *zip(*files(last, folder, "none"))))
        seconds, _ = measure(run, lambda: (run(), empty(folder)))
    say(pyarrow.__version__, seconds, describe_files(folder))


main()
