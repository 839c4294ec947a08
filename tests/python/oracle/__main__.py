"""Random jobs of the whole program, compared with answers that share no code with it.

Usage: oracle [--swath PROGRAM] [--seconds N] [--break drop|change] [SEED | FIRST..LAST] …

For each seed a job is made: a kernel, a range, perhaps a condition and reductions. It is computed and read in several
ways: by `swath run` and on a coordinator, in all formats, in parts, by Arrow Flight, and with DuckDB where it lies.
The same seed gives the same job and the same commands. Printed is what is wrong, with the seed and the latest commands.
With --seconds, no seed begins later than that. --break makes the answers wrong, to see that this is noticed: a row is
missing, or a number is another. The variable SWATH names the program, too.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
import traceback

from jobs import job
from trials import Cluster, Trial, ways


class WithoutPandas:
    """Hides a package that pyarrow and DuckDB load if it is there, which takes longer than many jobs."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)


def seeds(word):
    first, _, last = word.partition("..")
    return range(int(first), int(last or first) + 1)


def broken(made, fault):
    """Makes the expected rows wrong."""
    if made.rows and fault == "drop":
        del made.rows[len(made.rows) // 2]
    elif made.rows and fault == "change":
        made.rows[-1] = made.rows[-1] | {"n": made.rows[-1]["n"] - 1}


def attempt(cluster, seed, folder, fault):
    """The count of comparisons for a seed, and what is wrong."""
    made, draw = job(seed)
    broken(made, fault)
    trial = Trial(cluster, made, draw, folder)
    try:
        for way in ways(made, draw):
            way(trial)
    except Exception as error:
        commands = [shlex.join(command) for command in trial.commands[-3:]]
        place = traceback.extract_tb(error.__traceback__)[-1].name
        return trial.checks, {"seed": seed, "wrong": f"{type(error).__name__}: {error}", "in": place, "commands": commands}
    return trial.checks, None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--swath", default=os.environ.get("SWATH", "target/release/swath"))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--break", choices=["drop", "change"], dest="fault")
    parser.add_argument("seeds", nargs="+", type=seeds)
    arguments = parser.parse_args()
    sys.meta_path.insert(0, WithoutPandas())
    end = time.monotonic() + arguments.seconds
    found = {"seeds": 0, "checks": 0, "wrong": []}
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(os.path.abspath(arguments.swath), folder)
        try:
            for seed in (seed for part in arguments.seeds for seed in part):
                if time.monotonic() > end:
                    break
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    checks, wrong = attempt(cluster, seed, place, arguments.fault)
                found["seeds"] += 1
                found["checks"] += checks
                if wrong:
                    found["wrong"].append(wrong)
                    print(json.dumps(wrong, indent=1, ensure_ascii=False), file=sys.stderr, flush=True)
        finally:
            cluster.stop()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
