"""The ways to compute a job and to read its results, each compared with what must be there."""

import json
import os
import re
import subprocess
import time

import pyarrow.flight as flight

from large import large
from outputs import (
    ENDINGS, Wrong, can_hold, check_bytes, check_duckdb, check_file, check_table, columns_of, expect, folder_files,
)

CHUNKS = [1, 2, 3, 7, 50, 97, 1000, 4096, 1_048_576, 2**62]
# Many chunks of one number take long, and say no more than some.
MOST_CHUNKS = 600
SECONDS = 120


class Cluster:
    """A coordinator with its workers, which all jobs share."""

    def __init__(self, swath, folder):
        self.swath, self.folder = swath, folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SWATH")}
        self.log = open(f"{folder}/coordinator.log", "w+")
        start = ["coordinator", "start", "--listen", "127.0.0.1:0", "--data", f"{folder}/data", "--log", "info"]
        self.processes = [self.start(start, self.log)]
        self.address = self.listens()
        for threads in ("1", "2"):
            join = ["worker", "start", "--coordinator", self.address, "--threads", threads]
            self.processes.append(self.start(join, subprocess.DEVNULL))
        self.client = flight.connect(f"grpc://{self.address}")

    def start(self, arguments, log):
        return subprocess.Popen([self.swath, *arguments], env=self.environment, stdout=log, stderr=log, cwd=self.folder)

    def listens(self):
        while self.processes[0].poll() is None:
            with open(self.log.name) as log:
                found = re.search(r"coordinator is listening address=(\S+)\n", log.read())
            if found:
                return found[1]
            time.sleep(0.02)
        raise SystemExit("the coordinator ended instead of listening")

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()


class Trial:
    """One job and the commands that were run for it."""

    def __init__(self, cluster, job, draw, folder):
        self.cluster, self.job, self.draw, self.folder = cluster, job, draw, folder
        self.commands, self.checks = [], 0

    def run(self, *arguments):
        command = [self.cluster.swath, *arguments]
        self.commands.append(command)
        return subprocess.run(
            command, env=self.cluster.environment, cwd=self.folder, capture_output=True, timeout=SECONDS, check=False
        )

    def succeed(self, *arguments):
        ended = self.run(*arguments)
        expect((ended.returncode, ended.stderr.decode() if ended.returncode else ""), (0, ""), "the exit code")
        return ended

    def chunk_size(self):
        numbers = self.job.numbers
        sizes = [size for size in CHUNKS if numbers / size <= MOST_CHUNKS]
        size = self.draw.choice(sizes + [None])
        return [] if size is None else ["--chunk-size", str(size)]

    def split(self):
        """How the job is divided, which must not change what comes."""
        workers, threads = self.draw.choice([1, 1, 2, 3]), self.draw.choice([1, 2])
        return [*self.chunk_size(), "--workers", str(workers), "--threads", str(threads)]

    def job_command(self, verb, *options):
        flags, range_words = self.job.arguments()
        return [verb, *flags, *options, *range_words]

    def to_coordinator(self):
        return ["--coordinator", self.cluster.address]

    def columns(self, ending):
        """Columns, the flags for them, and what the file has then."""
        chosen = None
        if self.draw.random() < 0.35:
            names = list(self.job.schema())
            chosen = self.draw.sample(names, self.draw.randint(1, len(names)))
        names = columns_of(self.job, chosen, ending)
        flags = [word for name in chosen or [] for word in ("--column", name)]
        return names, flags

    def target(self):
        """An ending, the columns of such a file, and the flags for them."""
        ending = self.draw.choice(ENDINGS + ["npy", "npy"])
        names, flags = self.columns(ending)
        if not can_hold(self.job, names, ending):
            ending = "parquet"
            names, flags = self.columns(ending)
        return ending, names, flags

    def part(self):
        """The flags for some of the numbers, and the rows of these."""
        if self.job.reduced or self.draw.random() < 0.3:
            return {}, self.job.results()
        first, last = sorted(self.draw.randint(self.job.first, self.job.last) for _ in range(2))
        bounds = self.draw.choice([{"first": first, "last": last}, {"first": first}, {"last": last}])
        first, last = bounds.get("first", self.job.first), bounds.get("last", self.job.last)
        return bounds, [row for row in self.job.rows if first <= row["n"] <= last]

    def check(self, path, ending, names, rows):
        check_file(path, ending, self.job, names, rows)
        os.remove(path)
        self.checks += 1

    def file(self, ending):
        return f"{self.folder}/{len(self.commands)}.{ending}"


def run_to_file(trial):
    ending, names, flags = trial.target()
    file = trial.file(ending)
    trial.succeed(*trial.job_command("run", *trial.split(), *flags, "-o", file))
    trial.check(file, ending, names, trial.job.results())


def run_to_output(trial):
    ending, names, flags = trial.target()
    if ending in ("npy", "parquet", "arrow"):
        ending = "txt"
        names, flags = trial.columns(ending)
    flags += [] if ending == "txt" else ["--format", ending.replace("txt", "text")]
    ended = trial.succeed(*trial.job_command("run", *trial.split(), *flags))
    name, _, compression = ending.partition(".")
    check_bytes(ended.stdout, name, compression, trial.job, names, trial.job.results())
    trial.checks += 1


def run_on_coordinator(trial):
    ending, names, flags = trial.target()
    file = trial.file(ending)
    verb = trial.draw.choice(["run", "submit"])
    trial.succeed(*trial.job_command(verb, *trial.chunk_size(), *flags, "-o", file, *trial.to_coordinator()))
    trial.check(file, ending, names, trial.job.results())


def submit(trial):
    """Submits the job, and reads it in several ways, while it runs and after it."""
    said = trial.succeed(*trial.job_command("submit", *trial.chunk_size(), *trial.to_coordinator()))
    identity = said.stdout.decode().strip()
    for read in trial.draw.sample([read_file, read_file, read_flight, read_flight, read_folder], 3):
        read(trial, identity)
    trial.succeed("job", "wait", identity, *trial.to_coordinator())
    trial.succeed("job", "forget", identity, *trial.to_coordinator())


def read_file(trial, identity):
    ending, names, flags = trial.target()
    bounds, rows = trial.part()
    file = trial.file(ending)
    flags += [f"--{name}={number}" for name, number in bounds.items()]
    trial.succeed("job", "results", identity, *flags, "-o", file, *trial.to_coordinator())
    trial.check(file, ending, names, rows)


def read_flight(trial, identity):
    names, _ = trial.columns("arrow")
    bounds, rows = trial.part()
    ticket = {"job": int(identity)} | bounds
    if names != list(trial.job.schema()):
        ticket["columns"] = names
    text = identity if list(ticket) == ["job"] and trial.draw.random() < 0.5 else json.dumps(ticket)
    trial.commands.append(["flight", "do_get", text])
    check_table(trial.cluster.client.do_get(flight.Ticket(text)).read_all(), trial.job, names, rows)
    info = trial.cluster.client.get_flight_info(flight.FlightDescriptor.for_path(identity))
    expect(info.schema.names, list(trial.job.schema()), "the schema of the flight")
    trial.checks += 1


def read_folder(trial, identity):
    """The parts of a job, where they lie. Those of a reduced job are no rows."""
    trial.succeed("job", "wait", identity, *trial.to_coordinator())
    shown = json.loads(trial.succeed("job", "show", identity, "--output", "json", *trial.to_coordinator()).stdout)
    expect(shown["shape"], trial.job.shape, "the shape")
    expect([column["name"] for column in shown["columns"]], list(trial.job.schema()), "the columns")
    files = folder_files(f"{trial.cluster.folder}/data/jobs/{identity}")
    if trial.job.shape == "reduced" or not trial.job.rows:
        return
    trial.commands.append(["duckdb", *files])
    check_duckdb(f"read_parquet({files!r})", trial.job, list(trial.job.schema()), trial.job.rows, "ORDER BY n")
    trial.checks += 1


def run_twice(trial):
    """The same bytes, however many workers there are: a reduction always, rows if blocks are chunks."""
    chunk = trial.draw.choice([1_048_576, 3_000_000])
    files = []
    for workers in trial.draw.sample([1, 2, 3], 2):
        files.append(trial.file("parquet"))
        size = trial.chunk_size() if trial.job.reduced else ["--chunk-size", str(chunk)]
        trial.succeed(*trial.job_command("run", *size, "--workers", str(workers), "-o", files[-1]))
    one, other = (open(file, "rb").read() for file in files)
    if one != other:
        raise Wrong(f"{len(one)} and {len(other)} bytes of the same results differ")
    trial.check(files[0], "parquet", list(trial.job.schema()), trial.job.results())


def fail(trial):
    """A job with numbers that have no answer: its failure names one, and it leaves no file."""
    file = trial.file("parquet")
    retries = ["--max-retries", trial.draw.choice("01")]
    where = trial.draw.choice([trial.split(), [*trial.chunk_size(), *trial.to_coordinator()]])
    ended = trial.run(*trial.job_command("run", *where, *retries, "-o", file))
    expect(ended.returncode, 1, f"the exit code after {ended.stderr.decode()!r}")
    named = re.search(r"failed at (-?\d+)", ended.stderr.decode())
    if not named or int(named[1]) not in trial.job.failed:
        raise Wrong(f"{ended.stderr.decode()!r} names none of {trial.job.failed[:10]}")
    expect(os.path.exists(file), False, "a file of a failed job")
    trial.checks += 1


def keep_going(trial):
    """All but the chunks of the numbers that have no answer."""
    job = trial.job
    sizes = [size for size in range(1, job.numbers + 1) if job.numbers % size == 0 and job.numbers / size <= MOST_CHUNKS]
    size = trial.draw.choice(sizes)
    chunks = {(n - job.first) // size for n in job.failed}
    rows = [row for row in job.rows if (row["n"] - job.first) // size not in chunks]
    ending = trial.draw.choice(["parquet", "csv", "arrow", "jsonl.zst"])
    file = trial.file(ending)
    options = ["--keep-going", "--max-retries", "0", "--chunk-size", str(size), "-o", file]
    where = trial.draw.choice([["--workers", trial.draw.choice("12")], trial.to_coordinator()])
    ended = trial.run(*trial.job_command("run", *options, *where))
    expect(ended.returncode, 1, f"the exit code after {ended.stderr.decode()!r}")
    sentence = f"{len(chunks) * size:,} of {job.numbers:,} number{'s' * (job.numbers > 1)} failed"
    if sentence not in ended.stderr.decode():
        raise Wrong(f"{ended.stderr.decode()!r} does not say {sentence!r}")
    trial.check(file, ending, list(job.schema()), job.results(rows))


def refuse(trial):
    for verb, where in (("run", []), ("submit", trial.to_coordinator())):
        ended = trial.run(*trial.job_command(verb, *where))
        expect((ended.returncode, ended.stdout), (2, b""), f"the exit code and output, {ended.stderr.decode()!r}")
        trial.checks += 1


def ways(job, draw):
    """What is tried of a job."""
    if draw.random() < 0.04:
        return [large]
    if job.is_refused:
        return [refuse]
    if job.failed:
        return [fail, keep_going]
    return [submit, *draw.sample([run_to_file, run_to_file, run_to_output, run_on_coordinator, run_twice], 2)]
