"""Runs targets in child processes with bounds on time and memory, and counts how they end."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import tempfile
import traceback
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from glasscast.errors import GlasscastError
from glasscast.inputs import UnforeseenError
from tests.fuzz.targets import TARGETS, NonsenseError

#: Seconds of work for one input, and bytes beyond what the process holds before it.
SECONDS, MEMORY = 20.0, 3 << 30
#: Seconds by the clock, in times of those of work: other processes may be at work as well.
_PATIENCE = 30
#: How an input may end; the first three are sound.
OUTCOMES = ("read", "refused", "last resort", "nonsense", "traceback", "crash", "hang")
BAD = OUTCOMES[3:]


@dataclass
class Report:
    """How the inputs of one target ended.

    Parameters
    ----------
    counts : outcome -> number.
    findings : of each kind of finding the first, with the number of its input.
    """

    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)

    def add(self, number: int, outcome: str, what: str) -> None:
        """Count one outcome."""
        self.counts[outcome] += 1
        if what and len(self.findings) < 40:
            self.findings.setdefault(f"{outcome}: {what}", f"input {number}")


def try_input(name: str, number: int, seed: int) -> tuple[str, str]:
    """Spoil and read one file; the same numbers give the same file.

    Returns
    -------
    Its outcome, and what is worth knowing of it.
    """
    rng = np.random.default_rng([seed, number, zlib.crc32(name.encode())])
    folder = Path(tempfile.mkdtemp())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TARGETS[name](rng, folder)
        return "read", ""
    except UnforeseenError as error:
        return "last resort", _place(error.__cause__ or error)
    except GlasscastError as error:
        return ("refused", "") if len(str(error)) < 2000 else ("nonsense", "a long message")
    except NonsenseError as error:
        return "nonsense", str(error)
    except Exception as error:
        return "traceback", _place(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "glasscast" in frame.filename] or frames
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__} at {where}: {str(error)[:80]}"


def _work(pipe: Connection, name: str, numbers: range, seed: int) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    for number in numbers:
        pipe.send((number, "", ""))
        pipe.send((number, *try_input(name, number, seed)))
        if number % 100 == 0:
            gc.collect()
    pipe.close()


def _answers(pipe: Connection, child: int) -> bool:
    """Wait for the next word of a child; False if it works for too long without one."""
    began = _worked(child)
    for _ in range(_PATIENCE):
        if pipe.poll(SECONDS):
            return True
        if _worked(child) - began > SECONDS:
            return False
    return False


def _worked(child: int) -> float:
    """Seconds of processor time of a process."""
    try:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_target(name: str, count: int, seed: int, first: int = 0) -> Report:
    """Try so many inputs of a target; one that ends its process or does not end is counted."""
    report, context = Report(), get_context("fork")
    next_one, end = first, first + count
    while next_one < end:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(theirs, name, range(next_one, end), seed))
        child.start()
        theirs.close()
        begun = next_one
        try:
            while True:
                if not _answers(ours, child.pid or 0):
                    report.add(begun, "hang", f"more than {SECONDS:g} s")
                    break
                number, outcome, what = ours.recv()
                begun = number
                if outcome:
                    report.add(number, outcome, what)
                    begun = number + 1
        except EOFError:
            if begun < end:
                child.join(5)
                report.add(begun, "crash", f"exit code {child.exitcode}")
        child.kill()
        child.join()
        next_one = begun + 1 if begun < end else end
    return report
