"""Reductions of rows, exactly, as docs/conditions.md says."""

import collections
import dataclasses

import pyarrow as pa

from kernels import DECIMAL

KINDS = ["count", "sum", "mean", "min", "max", "min_n", "max_n", "value_counts"]
WRONG = ["", "sums", "count,", "sum(x)", "count,count", "sum(value", "avg(n)", "min_n()", "count count", "max(\"n)"]
WIDE = pa.decimal256(76, 0)


@dataclasses.dataclass(frozen=True)
class Reduction:
    """One of a list; `column` is None for a count of rows."""

    kind: str
    column: str | None
    kept: pa.DataType | None
    name: str

    def type(self):
        if self.kind in ("count", "min_n", "max_n"):
            return pa.int64()
        if self.kind == "mean":
            return pa.float64()
        if self.kind == "sum":
            return {pa.bool_(): pa.int64(), pa.int64(): DECIMAL}.get(self.kept, WIDE)
        if self.kind == "value_counts":
            parts = [pa.field("value", self.kept, nullable=False), pa.field("count", pa.int64(), nullable=False)]
            return pa.list_(pa.field("item", pa.struct(parts), nullable=False))
        return self.kept

    def value(self, rows):
        """Of rows, which are values by name; none of the kernels makes a null."""
        if self.kind == "count":
            return len(rows)
        values = [row[self.column] for row in rows]
        if self.kind == "value_counts":
            counts = sorted(collections.Counter(values).items())
            return [{"value": value, "count": count} for value, count in counts]
        if not values:
            return None
        if self.kind == "sum":
            return sum(values)
        if self.kind == "mean":
            # One division of integers, which Python rounds once.
            return sum(values) / len(values)
        extreme = min(values) if self.kind.startswith("min") else max(values)
        if self.kind in ("min", "max"):
            return extreme
        return min(row["n"] for row in rows if row[self.column] == extreme)


def reductions(draw, columns):
    """A random list over columns of (name, type), and its text."""
    choices = [("count", None, None)]
    choices += [("count", name, kept) for name, kept in columns + [("n", pa.int64())]]
    choices += [
        (kind, name, kept)
        for kind in KINDS[1:]
        for name, kept in columns + [("n", pa.int64())]
        if not pa.types.is_list(kept)
    ]
    chosen = draw.sample(choices, draw.choice([1, 1, 2, 3, 5, min(8, len(choices))]))
    found, words = [], []
    for kind, column, kept in chosen:
        is_only = len(columns) == 1 and column not in (None, "n") and kind != "count"
        name = kind if column is None or is_only else f"{kind}({column})"
        found.append(Reduction(kind, column, kept, name))
        words.append(written(draw, kind, column, is_only))
    return found, draw.choice([",", ", ", " , "]).join(words)


def written(draw, kind, column, is_only):
    if column is None or (is_only and draw.random() < 0.5):
        return kind
    name = f'"{column}"' if draw.random() < 0.2 else column
    return draw.choice([f"{kind}({name})", f"{kind}({name})", f"{kind} ( {name} )"])
