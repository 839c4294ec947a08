"""HyperQueue: tasks are programs; results are files, because there is no other way back.

With `hq` on the path, a server and one worker for each core are started with it; the Python client, which asks once a
second whether a job is over, is used where there is no `hq`.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

from squares import WORKERS, arguments, describe, describe_files, empty, files, measure, parts, say, square_part, write_part


def save_part(part, path):
    import numpy

    numpy.save(path, square_part(part))


@contextlib.contextmanager
def python_client():
    import hyperqueue.client
    from hyperqueue import Job, LocalCluster
    from hyperqueue.client import PythonEnv
    from hyperqueue.cluster import WorkerConfig

    hyperqueue.client.create_progress_callback = lambda: lambda jobs: None
    with LocalCluster(worker_config=WorkerConfig(cores=WORKERS)) as cluster:
        client = cluster.client(python_env=PythonEnv(python_bin=sys.executable))

        def run(add):
            job = Job(max_fails=0)
            add(job)
            client.wait_for_jobs([client.submit(job)])

        yield run


def call_each(function, each):
    """Adds a call of the function for each tuple of arguments to a job."""
    environment = {"PYTHONPATH": os.path.dirname(os.path.abspath(__file__))}

    def add(job):
        for arguments in each:
            job.function(function, args=arguments, stdout=None, stderr=None, env=environment)

    return add


def collect(run, last):
    import numpy

    folder = tempfile.mkdtemp()
    each = [(part, os.path.join(folder, f"{i}.npy")) for i, part in enumerate(parts(last, WORKERS))]
    run(call_each(save_part, each))
    values = numpy.concatenate([numpy.load(path) for _, path in each])
    shutil.rmtree(folder)
    return values


@contextlib.contextmanager
def command_line(hq):
    """A server and a worker for each core; yields what runs a command of `hq` on them."""
    folder, quiet = tempfile.mkdtemp(), {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = lambda *words: subprocess.Popen([hq, "--server-dir", folder, *words], **quiet)
    run = lambda *words: subprocess.run(
        [hq, "--server-dir", folder, *words], check=True, capture_output=True, text=True).stdout
    processes = [start("server", "start")]
    while subprocess.run([hq, "--server-dir", folder, "server", "info"], **quiet).returncode:
        time.sleep(0.05)
    processes += [start("worker", "start", "--cpus=1") for _ in range(WORKERS)]
    run("worker", "wait", str(WORKERS))
    yield run
    run("server", "stop")
    for process in processes:
        process.wait()
    shutil.rmtree(folder)


def overhead(last):
    """Tasks that do nothing: squares cost a shell each, which is not HyperQueue's."""
    nothing = {"count": last, "results": False}
    if hq := shutil.which("hq"):
        with command_line(hq) as run:
            submit = lambda last: run(
                "submit", "--wait", "--array", f"1-{last}", "--stdout", "none", "--stderr", "none", "--", "/bin/true")
            seconds, _ = measure(lambda: submit(last), lambda: submit(2))
        return seconds, nothing
    with python_client() as run:
        programs = lambda last: lambda job: [
            job.program(["/bin/true"], stdout=None, stderr=None) for _ in range(last)] and None
        seconds, _ = measure(lambda: run(programs(last)), lambda: run(programs(2)))
    return seconds, nothing


def main():
    from hyperqueue import get_version

    work, last, folder = arguments()
    # The server writes what it has to say about jobs where it is started.
    os.chdir(folder)
    if work == "overhead":
        return say(get_version(), *overhead(last))
    with python_client() as run:
        if work == "cold":
            return say(get_version(), 0, describe([collect(run, last)]))
        if work == "collect":
            gather = lambda: collect(run, last)
            seconds, values = measure(gather, gather)
            return say(get_version(), seconds, describe([values]))
        write = lambda: run(call_each(write_part, files(last, folder)))
        seconds, _ = measure(write, lambda: (write(), empty(folder)))
        say(get_version(), seconds, describe_files(folder))


if __name__ == "__main__":
    main()
