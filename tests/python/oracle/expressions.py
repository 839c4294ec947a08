"""Conditions as trees: how they are written, and what docs/conditions.md says that they are for a row.

Exact numbers are integers or fractions, and floats are Python's. Truths are True, False or None.
"""

import decimal
import fractions
import math

from kernels import NoAnswer

# From the loosest to the tightest, as in PostgreSQL and DuckDB.
ANY, EVERY, NOT, IS, COMPARE, PREDICATE, SUM, PRODUCT, NEGATE, ATOM = range(10)
LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT}
MOST = 2**255


class Refused(Exception):
    """A constant part has no answer, so that the condition is refused before the start."""


class Unclear(Exception):
    """The documentation does not say what the answer is."""


class Node:
    """A part of a condition. `kind` is exact, float, constant float, null or truth; exact ones have a scale."""

    level, kind, scale, is_constant = ATOM, "truth", 0, False

    def write(self, style, least):
        """The text, in parentheses if it binds more loosely than `least`."""
        text = self.text(style)
        return f"({text})" if self.level < least or style.adds_parentheses() else text


class Constant(Node):
    """A number, a truth or a null."""

    is_constant = True

    def __init__(self, kind, held, text, scale=0):
        self.kind, self.held, self.words, self.scale = kind, held, text, scale

    def text(self, style):
        return style.word(self.words) if self.words[0].isalpha() else self.words

    def value(self, row):
        return self.held


class Name(Node):
    """The number or a column."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind

    def text(self, style):
        return style.name(self.name)

    def value(self, row):
        return row[self.name]


class Negate(Node):
    level = NEGATE

    def __init__(self, operand):
        self.operand, self.kind, self.scale = operand, operand.kind, operand.scale
        self.is_constant = operand.is_constant

    def text(self, style):
        inner = self.operand.write(style, NEGATE)
        return f"- {inner}" if inner.startswith("-") or style.chance(0.2) else f"-{inner}"

    def value(self, row):
        value = self.operand.value(row)
        return None if value is None else checked(-value, self)


class Arithmetic(Node):
    def __init__(self, operator, left, right):
        self.operator, self.left, self.right = operator, left, right
        self.level = LEVELS[operator]
        self.is_constant = left.is_constant and right.is_constant
        self.kind, self.scale = kind_of(operator, left, right)
        if operator in "/%" and right.is_constant and self.are_exact() and right.value({}) == 0:
            raise Refused
        if self.is_constant:
            self.refuse_overflow()

    def refuse_overflow(self):
        try:
            self.value({})
        except NoAnswer:
            raise Refused from None

    def text(self, style):
        space = style.space()
        left, right = self.left.write(style, self.level), self.right.write(style, self.level + 1)
        if self.operator == "-" and right.startswith("-"):
            space = " "
        return f"{left}{space}{self.operator}{space}{right}"

    def are_exact(self):
        return all(side.kind in ("exact", "null") for side in (self.left, self.right))

    def value(self, row):
        left, right = self.left.value(row), self.right.value(row)
        if left is None or right is None:
            return None
        if self.operator in "/%" and right == 0 and self.are_exact():
            raise NoAnswer
        if self.kind == "float":
            return floating(self.operator, as_float(left), as_float(right))
        if self.operator == "/":
            return checked(truncated(left, right), self)
        if self.operator == "%":
            return checked(left - right * truncated(left, right), self)
        return checked({"+": left + right, "-": left - right, "*": left * right}[self.operator], self)


def kind_of(operator, left, right):
    """The kind and the scale of a result."""
    kinds = {left.kind, right.kind}
    if kinds == {"null"}:
        return "null", 0
    if not kinds <= {"exact", "null"}:
        return "float", 0
    # A null beside an exact number is taken for such a number.
    scales = [side.scale for side in (left, right) if side.kind == "exact"]
    scale = sum(scales) if operator == "*" else max(scales)
    if operator == "*" and len(scales) == 1:
        scale *= 2
    return ("float", 0) if operator == "/" and scale > 0 else ("exact", scale)


def checked(value, node):
    if isinstance(value, float):
        return value
    held = value * 10**node.scale
    if node.scale > 0 and abs(held) > MOST // 10**40:
        # Digits behind the point take room, too, also in steps between.
        raise Unclear
    if not -MOST <= held < MOST:
        raise NoAnswer
    return value


def truncated(left, right):
    quotient = fractions.Fraction(left) / fractions.Fraction(right)
    return math.trunc(quotient)


def as_float(value):
    # The division of Python's integers is rounded once, to the nearest.
    return value if isinstance(value, float) else fractions.Fraction(value).numerator / fractions.Fraction(value).denominator


def floating(operator, left, right):
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if operator == "%":
        return math.nan if right == 0 or math.isinf(left) or math.isnan(left) else math.fmod(left, right)
    if right != 0 or math.isnan(right):
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def exactly(value):
    """The decimal that a constant with an exponent stands for beside exact numbers."""
    if abs(value) >= 1e38 or 0 < abs(value) < 1e-30:
        # Exact numbers with more than 38 digits are compared with it as floats.
        raise Unclear
    return fractions.Fraction(decimal.Decimal(repr(value)))


def order(left, right):
    """-1, 0 or 1; NaN is equal to itself and greater than all else."""
    (one, left), (other, right) = left, right
    kinds = {one.kind, other.kind}
    if "exact" in kinds and "constant float" in kinds:
        left, right = (exactly(side) if isinstance(side, float) else side for side in (left, right))
    elif kinds & {"float", "constant float"}:
        left, right = as_float(left), as_float(right)
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) - math.isnan(right)
    return (left > right) - (left < right)


RELATIONS = {
    "=": lambda order: order == 0, "<>": lambda order: order != 0, "<": lambda order: order < 0,
    "<=": lambda order: order <= 0, ">": lambda order: order > 0, ">=": lambda order: order >= 0,
}


def compared(operator, left, right):
    """`left` and `right` are nodes with their values."""
    if left[1] is None or right[1] is None:
        return None
    return RELATIONS[operator](order(left, right))


class Compare(Node):
    level = COMPARE

    def __init__(self, operator, left, right):
        self.operator, self.left, self.right = operator, left, right

    def text(self, style):
        space = style.space()
        operator = "!=" if self.operator == "<>" and style.chance(0.5) else self.operator
        left, right = self.left.write(style, PREDICATE), self.right.write(style, PREDICATE)
        return f"{left}{space}{operator}{space}{right}"

    def value(self, row):
        return compared(self.operator, (self.left, self.left.value(row)), (self.right, self.right.value(row)))


class Between(Node):
    level = PREDICATE

    def __init__(self, operand, low, high, negated):
        self.operand, self.low, self.high, self.negated = operand, low, high, negated

    def text(self, style):
        word = style.word("not between" if self.negated else "between")
        parts = [part.write(style, SUM) for part in (self.operand, self.low, self.high)]
        return f"{parts[0]} {word} {parts[1]} {style.word('and')} {parts[2]}"

    def value(self, row):
        # The upper bound does not count where the lower one decides.
        operand = (self.operand, self.operand.value(row))
        least = compared(">=", operand, (self.low, self.low.value(row)))
        if least is False:
            return self.negated
        both = every([least, compared("<=", operand, (self.high, self.high.value(row)))])
        return opposite(both) if self.negated else both


class In(Node):
    level = PREDICATE

    def __init__(self, operand, elements, negated):
        self.operand, self.elements, self.negated = operand, elements, negated

    def text(self, style):
        word = style.word("not in" if self.negated else "in")
        elements = f",{style.space()}".join(element.write(style, ANY) for element in self.elements)
        return f"{self.operand.write(style, SUM)} {word} ({elements})"

    def value(self, row):
        operand = (self.operand, self.operand.value(row))
        found = [compared("=", operand, (element, element.value(row))) for element in self.elements]
        is_among = opposite(every(map(opposite, found)))
        return opposite(is_among) if self.negated else is_among


class Like(Node):
    level = PREDICATE

    def __init__(self, words, pattern, negated):
        self.words, self.pattern, self.negated = words, pattern, negated

    def text(self, style):
        return f"{quoted(self.words)} {style.word('not like' if self.negated else 'like')} {quoted(self.pattern)}"

    def value(self, row):
        return is_like(self.words, self.pattern) != self.negated


def is_like(words, pattern):
    if not pattern:
        return not words
    if pattern[0] == "%":
        return any(is_like(words[start:], pattern[1:]) for start in range(len(words) + 1))
    return bool(words) and pattern[0] in ("_", words[0]) and is_like(words[1:], pattern[1:])


def quoted(words):
    return "'" + words.replace("'", "''") + "'"


class CompareTexts(Node):
    """Two constant texts, which are compared by their bytes."""

    level = COMPARE

    def __init__(self, operator, left, right):
        self.operator, self.left, self.right = operator, left, right

    def text(self, style):
        return f"{quoted(self.left)} {self.operator} {quoted(self.right)}"

    def value(self, row):
        left, right = self.left.encode(), self.right.encode()
        return RELATIONS[self.operator]((left > right) - (left < right))


class IsNull(Node):
    level = IS

    def __init__(self, operand, negated):
        self.operand, self.negated = operand, negated

    def text(self, style):
        return f"{self.operand.write(style, IS)} {style.word('is not null' if self.negated else 'is null')}"

    def value(self, row):
        return (self.operand.value(row) is None) != self.negated


class Not(Node):
    level = NOT

    def __init__(self, operand):
        self.operand = operand

    def text(self, style):
        return f"{style.word('not')} {self.operand.write(style, NOT)}"

    def value(self, row):
        return opposite(self.operand.value(row))


class Every(Node):
    """`and`; operands are looked at from left to right until one decides."""

    level, word, decides = EVERY, "and", False

    def __init__(self, operands):
        self.operands = operands

    def text(self, style):
        parts = [operand.write(style, self.level + 1) for operand in self.operands]
        return f" {style.word(self.word)} ".join(parts)

    def value(self, row):
        seen = []
        for operand in self.operands:
            seen.append(operand.value(row))
            if seen[-1] is self.decides:
                return self.decides
        return None if None in seen else not self.decides


class Any(Every):
    level, word, decides = ANY, "or", True


def every(truths):
    truths = list(truths)
    return False if False in truths else None if None in truths else True


def opposite(truth):
    return None if truth is None else not truth
