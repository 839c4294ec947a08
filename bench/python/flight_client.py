"""A stock Arrow Flight client that collects the values of a job of Swath.

Usage: flight_client.py LAST ADDRESS PROGRAM: squares 1 to LAST on the coordinator at the address, which the program
submits the job to.
"""

import json
import subprocess
import sys

import pyarrow
import pyarrow.flight

from squares import describe, measure, say


def collect(client, last, address, program):
    command = [program, "submit", f"1..={last}", "--coordinator", address, "--output", "json"]
    job = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["id"]
    ticket = json.dumps({"job": job, "column": "value"}).encode()
    return client.do_get(pyarrow.flight.Ticket(ticket)).read_all()["value"]


def main():
    last, address, program = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    client = pyarrow.flight.connect(f"grpc://{address}")
    run = lambda: collect(client, last, address, program)
    seconds, values = measure(run, run)
    say(pyarrow.__version__, seconds, describe([chunk.to_numpy() for chunk in values.chunks]))


main()
