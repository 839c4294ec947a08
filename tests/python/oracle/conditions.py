"""Random conditions over the columns of a kernel."""

import fractions
import random

from expressions import (
    Any, Arithmetic, Between, Compare, CompareTexts, Constant, Every, In, IsNull, Like, Name, Negate, Not, Refused,
    Unclear,
)
from kernels import GREATEST, LEAST

RELATIONS = ["=", "<>", "<", "<=", ">", ">="]
TEXTS = ["", "a", "ab", "abc", "B", "it's", "Ä", "%", "a_c"]
PATTERNS = ["", "%", "a%", "%c", "a_c", "_", "%b%", "__", "it's", "Ä", "a%_c%"]
SMALL = [0, 1, 2, 3, 4, 5, 7, 10, 16, 100, 1000]
# Where lanes of 32 bits, exact floats, 64 bits and 128 bits end.
EDGES = [2**31, 2**32, 2**50, 2**53, GREATEST, GREATEST + 1, 2**64, 10**18, 2**126, 10**37, 10**38 - 1]
# Each is wrong for every kernel, and refused before the start.
WRONG = [
    "n = ", "n == 1", "unknown = 1", "n like 'a'", "n = 'x'", "n", "n + 1", "1 < n < 3", "n and true", "(n > 1", "n > 1)",
    "n % 0 = 1", "n / (2 - 2) = 0", "not n", "n between 1", "n in ()", "n > 1 -- more", "'a' + 1 = 2", "n = x'0'", "n = 1__0",
    "true in (true)", "n like n", "n = 123456789012345678901234567890123456789", "n > 1e400", "\"N\" = 1", "n is true", "",
]


class Style:
    """How a tree is written: capitals, quotes, blanks and parentheses that are not needed."""

    def __init__(self, draw):
        self.draw = draw
        self.extra = draw.choice([0, 0, 0.1])
        self.capitals = draw.choice([0, 0, 0.3])

    def chance(self, part):
        return self.draw.random() < part

    def adds_parentheses(self):
        return self.extra > 0 and self.chance(self.extra)

    def word(self, word):
        return word.upper() if self.chance(self.capitals) else word

    def name(self, name):
        if self.chance(0.1):
            return f'"{name}"'
        return name.upper() if self.chance(self.capitals / 3) else name

    def space(self):
        return self.draw.choice([" ", " ", " ", "", "  "])


class Conditions:
    """Makes conditions. `columns` has a kind for each name; `samples` are rows, which constants are taken from."""

    def __init__(self, draw, columns, samples):
        self.draw, self.samples = draw, samples
        self.numbers = [name for name, kind in columns.items() if kind == "exact"]
        self.truths = [name for name, kind in columns.items() if kind == "truth"]
        self.others = [name for name, kind in columns.items() if kind == "opaque"]

    def condition(self):
        """A tree and its text."""
        while True:
            try:
                tree = self.truth(self.draw.choice([0, 1, 2, 2, 3, 4, 5]))
            except (Refused, Unclear):
                continue
            text = tree.write(Style(self.draw), 0)
            if len(text) < 2000:
                return tree, text

    def truth(self, depth):
        if depth <= 0:
            return self.leaf()
        kinds = ["compare"] * 6 + ["between", "in"] * 2 + ["every", "any"] * 3 + ["not"] * 2 + ["is null", "truths", "texts"]
        kind = self.draw.choice(kinds)
        negated = self.draw.random() < 0.4
        if kind == "compare":
            return Compare(self.draw.choice(RELATIONS), *self.pair(depth))
        if kind == "between":
            operand, low = self.pair(depth)
            return Between(operand, low, self.near(operand, depth - 1), negated)
        if kind == "in":
            operand = self.number(depth - 1)
            return In(operand, [self.near(operand, 0) for _ in range(self.draw.randint(1, 6))], negated)
        if kind in ("every", "any"):
            operands = [self.truth(depth - 1) for _ in range(self.draw.randint(2, 3))]
            return self.guarded(depth) if self.draw.random() < 0.1 else (Every if kind == "every" else Any)(operands)
        if kind == "not":
            return Not(self.truth(depth - 1))
        if kind == "is null":
            return IsNull(self.draw.choice([self.number, self.truth])(depth - 1), negated)
        if kind == "truths":
            return Compare(self.draw.choice(RELATIONS), self.truth(depth - 1), self.truth(depth - 1))
        return self.texts(negated)

    def leaf(self):
        if self.truths and self.draw.random() < 0.5:
            return Name(self.draw.choice(self.truths), "truth")
        if self.others and self.draw.random() < 0.3:
            return IsNull(Name(self.draw.choice(self.others), "opaque"), self.draw.random() < 0.5)
        if self.draw.random() < 0.1:
            held, words = self.draw.choice([(True, "true"), (False, "false"), (None, "null")])
            return Constant("truth", held, words)
        return Compare(self.draw.choice(RELATIONS), *self.pair(0))

    def texts(self, negated):
        if self.draw.random() < 0.5:
            return Like(self.draw.choice(TEXTS), self.draw.choice(PATTERNS), negated)
        return CompareTexts(self.draw.choice(RELATIONS), self.draw.choice(TEXTS), self.draw.choice(TEXTS))

    def guarded(self, depth):
        """A divisor that is zero for some number, after a condition that leaves this number out."""
        zero = self.draw.choice(self.samples)["n"]
        divisor = Arithmetic("-", Name("n", "exact"), self.integer(zero))
        quotient = Arithmetic(self.draw.choice("/%"), self.number(depth - 1), divisor)
        relation = self.draw.choice(["<>", "<", ">"])
        guard = Compare(relation, Name("n", "exact"), self.integer(zero))
        return Every([guard, Compare(self.draw.choice(RELATIONS), quotient, self.constant())])

    def pair(self, depth):
        """Two numbers whose values are near each other for some rows."""
        left = self.number(depth)
        sides = [left, self.near(left, depth - 1)]
        if self.draw.random() < 0.3:
            sides.reverse()
        return sides

    def near(self, operand, depth):
        """A number that is near a value of the operand."""
        if self.draw.random() < 0.25:
            return self.number(depth)
        try:
            value = operand.value(self.draw.choice(self.samples))
        except Exception:
            value = None
        if value is None or self.draw.random() < 0.1:
            return self.constant()
        if isinstance(value, float):
            return self.float_near(value)
        if fractions.Fraction(value).denominator == 1:
            value = int(value) + self.draw.choice([0, 0, 0, 1, -1])
            return self.integer(value) if abs(value) < 10**38 else self.constant()
        return self.constant()

    def number(self, depth):
        if depth <= 0 or self.draw.random() < 0.25:
            if self.draw.random() < 0.75:
                return Name(self.draw.choice(self.numbers), "exact")
            return self.constant()
        if self.draw.random() < 0.1:
            return Negate(self.number(depth - 1))
        operator = self.draw.choice("+-***/%%")
        left, right = self.number(depth - 1), self.number(depth - 1)
        if operator in "/%" and self.draw.random() < 0.8:
            right = self.integer(self.draw.choice(SMALL[1:] + EDGES[:4]) * self.draw.choice([1, 1, -1]))
        return Arithmetic(operator, left, right)

    def constant(self):
        kind = self.draw.choice(["small"] * 5 + ["edge", "decimal", "decimal", "float", "float", "null"])
        if kind == "null":
            return Constant("null", None, "null")
        if kind == "small":
            return self.integer(self.draw.choice(SMALL) * self.draw.choice([1, 1, -1]))
        if kind == "edge":
            edge = self.draw.choice(EDGES + [-LEAST]) + self.draw.choice([-1, 0, 0, 1])
            return self.integer(min(edge, 10**38 - 1) * self.draw.choice([1, -1]))
        if kind == "decimal":
            return self.decimal()
        return self.float_near(self.draw.choice([0.0, 0.0, 0.5, 1.5, 1e3, 2.0**53, 1e18, 1e-7, 1e200, 1e-200]))

    def integer(self, value):
        digits = str(abs(value))
        if len(digits) > 3 and self.draw.random() < 0.2:
            digits = f"{abs(value):_}"
        return signed(Constant("exact", abs(value), digits), value < 0)

    def decimal(self):
        places = self.draw.randint(1, 4)
        held = self.draw.randrange(10 ** self.draw.randint(1, 9))
        whole, part = divmod(held, 10**places)
        text = f"{whole}.{part:0{places}d}"
        if whole == 0 and self.draw.random() < 0.2:
            text = text[1:]
        # Zeros at the end say nothing, but one digit behind the point makes a decimal.
        scale = max(1, len(text.split(".")[1].rstrip("0")))
        return signed(Constant("exact", fractions.Fraction(held, 10**places), text, scale), self.draw.random() < 0.2)

    def float_near(self, value):
        """A constant with an exponent and at most 15 digits, which are the same as a float and as a decimal."""
        if value != value or abs(value) > 1e300:
            value = 1.5
        text = f"{abs(value):.{self.draw.choice([0, 1, 3, 14])}e}"
        if self.draw.random() < 0.3:
            text = text.replace("e+0", "e").replace("e+", "E")
        return signed(Constant("constant float", float(text), text), value < 0)


def signed(constant, is_negative):
    return Negate(constant) if is_negative else constant


def wrong(draw, column_kinds):
    """A text that is no condition over these columns."""
    texts = list(WRONG)
    for name, kind in column_kinds.items():
        if kind == "truth":
            texts += [f"{name} + 1 = 2", f"{name} = 1", f"{name} > 'a'", f"{name} between true and false"]
        if kind == "opaque":
            texts += [f"{name} = 1", f"{name} > 0", f"{name} in (1)"]
        if kind == "exact":
            texts += [f"{name} = true", f"{name} and n > 1", f"{name} like '1%'", f"{name} + true = 1"]
    return draw.choice(texts)


def generator(seed):
    return random.Random(f"swath {seed}")
