"""The kernels again, from their definitions, in Python's exact integers."""

import dataclasses
import math

import pyarrow as pa

LEAST, GREATEST = -(2**63), 2**63 - 1
DECIMAL = pa.decimal128(38, 0)
FACTORS = pa.list_(pa.field("item", pa.int64(), nullable=False))
# Enough bases of Miller and Rabin for all numbers below 3.3 * 10^24 (Sorenson and Webster, 2015).
BASES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)


class NoAnswer(Exception):
    """A kernel or a condition has no answer for a number."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel with its parameters, as the command line names them."""

    name: str
    parameters: tuple = ()

    def parameter(self, name, default):
        return dict(self.parameters).get(name, default)

    def columns(self, first, last):
        """The names and types of its columns over a range."""
        if self.name == "square":
            fits = max(first * first, last * last) <= GREATEST and self.parameter("type", "auto") == "auto"
            return [("value", pa.int64() if fits else DECIMAL)]
        if self.name == "collatz" and self.parameter("peak", "no") == "yes":
            return [("steps", pa.int64()), ("peak", DECIMAL)]
        if self.name == "factor":
            return [("factors", FACTORS)]
        return [("value", pa.bool_() if self.name == "is-prime" else pa.int64())]

    def row(self, n):
        """The values of the columns; `NoAnswer` if the kernel takes no such number."""
        if self.name == "square":
            return (n * n,)
        if self.name == "isqrt":
            if n < 0:
                raise NoAnswer
            return (math.isqrt(n),)
        if self.name == "is-prime":
            return (is_prime(n),)
        if self.name == "factor":
            if n == 0:
                raise NoAnswer
            return (factors(abs(n)),)
        steps, peak = collatz(n, int(self.parameter("max-steps", 1_000_000)))
        return (steps, peak) if self.parameter("peak", "no") == "yes" else (steps,)


def collatz(n, most):
    if n < 1:
        raise NoAnswer
    steps, peak, value = 0, n, n
    while value != 1:
        value = value // 2 if value % 2 == 0 else 3 * value + 1
        steps, peak = steps + 1, max(peak, value)
        if steps > most:
            raise NoAnswer
    return steps, peak


def is_prime(n):
    if n < 2:
        return False
    for prime in BASES:
        if n % prime == 0:
            return n == prime
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(is_witnessed(n, base, odd, twos) for base in BASES)


def is_witnessed(n, base, odd, twos):
    """Whether `n` behaves like a prime with this base; n - 1 is odd * 2^twos."""
    power = pow(base, odd, n)
    if power in (1, n - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % n
        if power == n - 1:
            return True
    return False


def factors(n):
    """The prime factors of a number from 1 on, ascending."""
    found = []
    for small in range(2, 1000):
        while n % small == 0:
            found.append(small)
            n //= small
    rest = [n] if n > 1 else []
    while rest:
        part = rest.pop()
        if is_prime(part):
            found.append(part)
        else:
            divisor = divisor_of(part)
            rest += [divisor, part // divisor]
    return sorted(found)


def divisor_of(n):
    """A divisor of a composite number, by the method of Pollard with the cycles of Brent."""
    root = math.isqrt(n)
    if root * root == n:
        return root
    for add in range(1, 100):
        y, divisor, length = 2, 1, 1
        while divisor == 1:
            x, done = y, 0
            for _ in range(length):
                y = (y * y + add) % n
            while done < length and divisor == 1:
                before, product = y, 1
                for _ in range(min(128, length - done)):
                    y = (y * y + add) % n
                    product = product * abs(x - y) % n
                divisor = math.gcd(product, n)
                done += 128
            length *= 2
        while divisor == n:
            before = (before * before + add) % n
            found = math.gcd(abs(x - before), n)
            divisor = found if found > 1 else divisor
            if found == n:
                break
        if divisor != n:
            return divisor
    raise AssertionError(f"no divisor of {n}")
