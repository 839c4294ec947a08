"""Random jobs and what they must give."""

import dataclasses
import random

import pyarrow as pa

from conditions import Conditions, wrong
from expressions import Unclear
from kernels import GREATEST, LEAST, Kernel, NoAnswer
from reductions import WRONG, Reduction, reductions

KERNELS = [
    Kernel("square"), Kernel("square"), Kernel("square", (("type", "decimal128"),)), Kernel("square", (("type", "auto"),)),
    Kernel("isqrt"), Kernel("is-prime"), Kernel("is-prime"), Kernel("collatz"), Kernel("collatz", (("peak", "yes"),)),
    Kernel("collatz", (("max-steps", "120"),)), Kernel("collatz", (("peak", "yes"), ("max-steps", "2000"))), Kernel("factor"),
]
# Where something changes: signs, the square that fits 64 bits, the numbers that floats and integers hold.
PLACES = [0, 1, 1000, 2**31, 2**32, 3_037_000_499, 10**9, 2**50, 2**53, 10**18, 2**62, GREATEST]


@dataclasses.dataclass
class Job:
    kernel: Kernel
    first: int
    last: int
    range: str
    tree: object = None
    where: str | None = None
    reduced: list[Reduction] = dataclasses.field(default_factory=list)
    reduce: str | None = None
    is_refused: bool = False
    rows: list = dataclasses.field(default_factory=list)
    """Rows before the reductions: values by name."""
    failed: list = dataclasses.field(default_factory=list)
    """Numbers without an answer."""

    @property
    def columns(self):
        return self.kernel.columns(self.first, self.last)

    @property
    def shape(self):
        return "reduced" if self.reduced else "sparse" if self.where is not None else "dense"

    @property
    def numbers(self):
        return self.last - self.first + 1

    def schema(self):
        """The names and types of all columns of the results."""
        if self.reduced:
            return {reduction.name: reduction.type() for reduction in self.reduced}
        return {"n": pa.int64()} | dict(self.columns)

    def results(self, rows=None):
        """The rows of the results, of these rows of the kernel."""
        rows = self.rows if rows is None else rows
        return [{each.name: each.value(rows) for each in self.reduced}] if self.reduced else rows

    def arguments(self):
        words = ["--", self.range] if self.range.startswith("-") and self.first % 2 else [self.range]
        options = ["--kernel", self.kernel.name]
        for name, value in self.kernel.parameters:
            options += ["--param", f"{name}={value}"]
        options += ["--where", self.where] if self.where is not None else []
        options += ["--reduce", self.reduce] if self.reduce is not None else []
        return options, words


def job(seed):
    """The job of a seed, and the source of all that is drawn for it later."""
    draw = random.Random(f"swath {seed}")
    wanted = draw.choice(["all"] * 5 + ["some"] * 10 + ["any"] * 2 + ["failed"] * 3 + ["refused"])
    while True:
        made = attempt(draw, wanted)
        if made is not None:
            return made, draw


def attempt(draw, wanted):
    """A job that gives all rows, some, any, or fails, or is refused; None if another must be made."""
    kernel = draw.choice(KERNELS)
    first, last = bounds(draw, kernel)
    made = Job(kernel, first, last, written(draw, first, last))
    names = [name for name, _ in made.columns]
    for n in range(first, last + 1):
        try:
            made.rows.append({"n": n} | dict(zip(names, kernel.row(n))))
        except NoAnswer:
            made.failed.append(n)
    if not made.rows or (made.failed and wanted != "failed"):
        return None
    if wanted in ("some", "any") or (wanted == "failed" and not made.failed):
        add_condition(made, draw)
        is_wanted = {
            "some": 0 < len(made.rows) < made.numbers or made.numbers < 3, "any": True, "failed": bool(made.failed)
        }
        if made.tree is None or not is_wanted[wanted] or (made.failed and wanted != "failed"):
            return None
    if draw.random() < 0.35:
        made.reduced, made.reduce = reductions(draw, made.columns)
    if wanted == "refused":
        made.is_refused = True
        if draw.random() < 0.7:
            made.where = wrong(draw, {name: kind_of(kept) for name, kept in made.columns})
        else:
            made.reduce = draw.choice(WRONG)
    return made


def add_condition(made, draw):
    """Adds a condition whose answers are clear, if one is found."""
    kinds = {"n": "exact"} | {name: kind_of(kept) for name, kept in made.columns}
    conditions = Conditions(draw, kinds, draw.sample(made.rows, min(20, len(made.rows))))
    for _ in range(5):
        tree, text = conditions.condition()
        try:
            kept, failed = select(tree, made.rows)
        except Unclear:
            continue
        if not failed and len(kept) in (0, len(made.rows)):
            continue
        break
    else:
        return
    made.tree, made.where, made.rows = tree, text, kept
    made.failed = sorted(made.failed + failed)


def select(tree, rows):
    """The rows that the condition keeps, and the numbers that it has no answer for."""
    kept, failed = [], []
    for row in rows:
        try:
            if tree.value(row) is True:
                kept.append(row)
        except NoAnswer:
            failed.append(row["n"])
    return kept, failed


def kind_of(kept):
    if pa.types.is_boolean(kept):
        return "truth"
    return "opaque" if pa.types.is_list(kept) else "exact"


def bounds(draw, kernel):
    """The first and the last number. Those of large numbers are few where a kernel takes Python long."""
    place = draw.choice(PLACES + PLACES[:3] * 2) * draw.choice([1, 1, -1])
    is_slow = kernel.name == "factor" or kernel.name == "collatz"
    if abs(place) > 10**6 and is_slow:
        most = 60 if kernel.name == "factor" else 300
    else:
        most = draw.choice([1, 10, 100, 1000, 5000])
    numbers = draw.randint(1 + most // 5, most)
    first = place - draw.choice([0, numbers // 2, numbers - 1, draw.randrange(numbers)])
    if kernel.name in ("isqrt", "collatz") and draw.random() < 0.9:
        first = max(abs(first), 1)
    if kernel.name == "factor" and first <= 0 <= first + numbers - 1 and draw.random() < 0.9:
        first = 1
    first = min(max(first, LEAST), GREATEST - numbers + 1)
    return first, first + numbers - 1


def written(draw, first, last):
    def number(value):
        return f"{value:_}" if draw.random() < 0.2 else str(value)

    kinds = ["included"] * 3 + ["excluded"] * (last < GREATEST) + ["one"] * 5 * (first == last)
    kind = draw.choice(kinds)
    if kind == "one":
        return number(first)
    return f"{number(first)}..={number(last)}" if kind == "included" else f"{number(first)}..{number(last + 1)}"
