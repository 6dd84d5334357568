"""Ctrl-C and SIGTERM end a command in time and say how to go on; workers end with their parent."""

import os
import signal
import subprocess
import sys
import time

import pytest

from glasscast.simulation.monte_carlo_kernel import compiled

#: A command more: it waits in Python, in compiled code that heeds no signal, or for two workers.
_PROGRAM = """
import hashlib, os, signal, sys, time
from glasscast.cli import app, main
from glasscast.simulation.executors import Scheduler

@app.command("wait")
def wait(kind: str) -> None:
    if kind == "workers":
        with Scheduler(workers=2).open() as executor:
            pids = {executor.submit(os.getpid).result() for _ in range(2)}
            print(*pids, flush=True)
            [f.result() for f in [executor.submit(time.sleep, 100) for _ in range(2)]]
    print("begun", flush=True)
    if kind == "compiled":
        hashlib.pbkdf2_hmac("sha512", b"", b"", 2**30)
    time.sleep(100)

if __name__ == "__main__":
    # as from a terminal, also where these tests run in the background, which ignores it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
"""
#: Two seconds are promised; a machine with other work gets some more.
_LIMIT = 6.0


@pytest.fixture
def begun(tmp_path):
    """Start the program; give it and the first line it printed."""
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    running = []

    def begin(kind: str) -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, str(program), "wait", kind],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        running.append(process)
        return process, process.stdout.readline()

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["python", "compiled"])
def test_a_signal_ends_a_command_in_time_and_it_says_how_to_go_on(begun, kind, number):
    process, _ = begun(kind)
    process.send_signal(number)
    _, error = process.communicate(timeout=_LIMIT)
    assert process.returncode == 128 + number
    assert error.strip() == "interrupted; the same command goes on from here"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(begun, number):
    process, line = begun("workers")
    workers = [int(word) for word in line.split()]
    assert workers
    process.send_signal(number)
    process.wait(timeout=_LIMIT)
    until = time.monotonic() + _LIMIT
    while any(map(alive, workers)):
        assert time.monotonic() < until
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has collected yet does not."""
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_kernel_is_compiled_where_nothing_can_be_cached():
    found = {}
    exec("def double(x): return 2 * x", found)  # of no file, so numba finds no place for a cache
    assert compiled()(found["double"])(21) == 42
