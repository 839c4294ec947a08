"""Jobs of millions of numbers, whose results have several blocks and row groups: compared with NumPy."""

import json
import math

import numpy
import pyarrow.flight as flight
import pyarrow.parquet

from outputs import Wrong, expect

CONDITIONS = [
    (None, lambda n, value: numpy.full(len(n), True)),
    ("n % 1000 < 3", lambda n, value: numpy.fmod(n, 1000) < 3),
    ("value % 7 = 4 and not n % 2 = 0", lambda n, value: (numpy.fmod(value, 7) == 4) & (n % 2 != 0)),
    ("n / 1000 * 1000 = n or value > n * 3", lambda n, value: (numpy.fmod(n, 1000) == 0) | (value > n * 3)),
    ("value < 1e6", lambda n, value: value < 1_000_000),
    ("n in (5, 1000, 1e6, 2_000_001)", lambda n, value: numpy.isin(n, [5, 1000, 10**6, 2_000_001])),
]
OF_TRUTHS = [
    CONDITIONS[0], CONDITIONS[1], CONDITIONS[5],
    ("value", lambda n, value: value), ("not value and n % 5 = 1", lambda n, value: ~value & (n % 5 == 1)),
]


class Large:
    """A job and the numbers and values that it must give."""

    def __init__(self, draw):
        self.kernel = draw.choice(["square", "isqrt", "is-prime"])
        numbers = draw.randint(1_100_000, 2_500_000)
        self.first = draw.choice([0, 1, 1000, 10**6, 3 * 10**9]) - draw.choice([0, 0, numbers // 3])
        if self.kernel != "square":
            self.first = max(self.first, 0)
        if self.kernel == "square":
            # Up to the last square that fits 64 bits.
            self.first = min(self.first, 3_037_000_499 - numbers + 1)
        self.last = self.first + numbers - 1
        self.n = numpy.arange(self.first, self.last + 1, dtype=numpy.int64)
        self.values = {"square": lambda n: n * n, "isqrt": roots, "is-prime": primes}[self.kernel](self.n)
        self.where, keep = draw.choice(OF_TRUTHS if self.kernel == "is-prime" else CONDITIONS)
        kept = keep(self.n, self.values)
        self.n, self.values = self.n[kept], self.values[kept]

    def arguments(self):
        where = ["--where", self.where] if self.where else []
        return ["--kernel", self.kernel, *where, "--", f"{self.first}..={self.last}"]


def roots(n):
    root = numpy.sqrt(n.astype(numpy.float64)).astype(numpy.int64)
    root -= root * root > n
    return root + ((root + 1) * (root + 1) <= n)


def primes(n):
    """By the sieve of Eratosthenes."""
    first, last = int(n[0]), int(n[-1])
    small = numpy.full(math.isqrt(last) + 2, True)
    small[:2] = False
    for divisor in range(2, math.isqrt(len(small)) + 1):
        small[divisor * divisor :: divisor] = False
    found = n >= 2
    for prime in map(int, numpy.flatnonzero(small)):
        start = max(prime * prime, -(-first // prime) * prime)
        found[start - first :: prime] = False
    return found


def exact_sum(values):
    """Without 64 bits to overflow."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFF_FFFF).sum())


def large(trial):
    job = Large(trial.draw)
    same_bytes(trial, job)
    reduced(trial, job)
    parts(trial, job)


def same_bytes(trial, job):
    chunk = ["--chunk-size", str(trial.draw.choice([1_048_576, 1_100_000, 3_000_000]))]
    found = []
    for workers in ("1", "3"):
        file = trial.file("parquet")
        trial.succeed("run", *chunk, "--workers", workers, "-o", file, *job.arguments())
        with open(file, "rb") as held:
            found.append(held.read())
    if found[0] != found[1]:
        raise Wrong(f"{len(found[0])} and {len(found[1])} bytes of the same results differ")
    same(pyarrow.parquet.read_table(file), job.n, job.values)
    trial.checks += 1


def reduced(trial, job):
    values = job.values.astype(numpy.int64)
    expected = {"count": len(values), "sum": None, "max": None, "max_n": None}
    if len(values):
        at = int(values.argmax())
        expected = {"count": len(values), "sum": exact_sum(values), "max": job.values[at].item(), "max_n": int(job.n[at])}
    size = trial.draw.choice([[], ["--chunk-size", "1000"], ["--chunk-size", "99991"], ["--chunk-size", "5000000"]])
    options = [*size, "--reduce", ",".join(expected), "--format", "jsonl", "--workers", trial.draw.choice("123")]
    expect(json.loads(trial.succeed("run", *options, *job.arguments()).stdout), expected, "the reductions")
    trial.checks += 1


def parts(trial, job):
    to = ["--coordinator", trial.cluster.address]
    size = trial.draw.choice([[], ["--chunk-size", "4096"], ["--chunk-size", "1048576"]])
    identity = trial.succeed("submit", *to, *size, *job.arguments()).stdout.decode().strip()
    for _ in range(2):
        first, last = sorted(trial.draw.randint(job.first, job.last) for _ in range(2))
        chosen = (job.n >= first) & (job.n <= last)
        file = trial.file("parquet")
        trial.succeed("job", "results", identity, f"--first={first}", f"--last={last}", "-o", file, *to)
        same(pyarrow.parquet.read_table(file), job.n[chosen], job.values[chosen])
        ticket = json.dumps({"job": int(identity), "first": first, "last": last})
        trial.commands.append(["flight", "do_get", ticket])
        same(trial.cluster.client.do_get(flight.Ticket(ticket)).read_all(), job.n[chosen], job.values[chosen])
        trial.checks += 2
    trial.succeed("job", "wait", identity, *to)
    trial.succeed("job", "forget", identity, *to)


def same(table, n, values):
    expect(table.column_names, ["n", "value"], "the columns")
    for name, expected in (("n", n), ("value", values)):
        found = table[name].to_numpy()
        expect((len(found), found.dtype), (len(expected), expected.dtype), f"the rows and the type of {name}")
        wrong = numpy.flatnonzero(found != expected)
        if len(wrong):
            at = int(wrong[0])
            raise Wrong(f"{name} of row {at}: {found[at]} instead of {expected[at]}, and {len(wrong) - 1} more")
