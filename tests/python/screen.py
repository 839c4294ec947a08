"""Runs a command in a terminal of its own and prints what its screen showed, as JSON.

screen.py COLUMNS CTRL-C COMMAND...

CTRL-C says when somebody presses Ctrl-C: when the progress bar says this; `never` is no such text.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

import pyte

LINES = 50
# What takes longer is taken for hung.
DEADLINE = 50
# The ends of any line that shows how far a job is.
BAR = ("█", "░", " %")


def main():
    columns, ctrl_c, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    screen = pyte.Screen(columns, LINES)
    stream = pyte.ByteStream(screen)
    process, terminal = pty.fork()
    if process == 0:
        # Before the command can ask.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    shown, most, begun = [], 0, time.monotonic()
    while time.monotonic() < begun + DEADLINE:
        readable, _, _ = select.select([terminal], [], [], 1)
        if not readable:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:
            # The last process at the other end is gone.
            break
        if not data:
            break
        stream.feed(data)
        lines = [line.rstrip() for line in screen.display if line.strip()]
        bars = [line for line in lines if any(mark in line for mark in BAR)]
        most = max(most, len(bars))
        if bars and (not shown or shown[-1] != bars[-1]):
            shown.append(bars[-1])
        if any(ctrl_c in line for line in bars):
            os.write(terminal, b"\x03")
            ctrl_c = "never"
    _, status = os.waitpid(process, 0)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    print(json.dumps({
        "code": os.waitstatus_to_exitcode(status),
        "screen": lines,
        # The bar each time that it said something else, and the most lines of it at once.
        "bars": shown,
        "most_bars": most,
    }))


main()
