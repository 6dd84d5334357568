"""A small share of ``make fuzz``, and that it notices what it is there for."""

import os
import signal

import pytest

from glasscast.errors import InputError
from tests.fuzz import harness
from tests.fuzz.harness import BAD, run_target, try_input
from tests.fuzz.targets import TARGETS, require

#: Inputs of each reader here; ``make fuzz`` takes 1500.
COUNT = int(os.environ.get("FUZZ_INPUTS", "5"))


@pytest.mark.parametrize("name", TARGETS)
def test_spoiled_files_are_read_or_refused(name):
    ends = [try_input(name, number, seed=1) for number in range(COUNT)]
    findings = {f"{what}: {where}" for what, where in ends if what in (*BAD, "last resort")}
    assert not findings


def test_the_harness_counts_every_way_to_end(monkeypatch):
    def target(rng, folder):
        end = ends.pop(0)
        require(end != "nonsense", "no sense")
        if end == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        while end == "hang":
            sum(range(100_000))
        if isinstance(end, Exception):
            raise end

    ends = [None, InputError("x", "y"), ValueError("x"), "nonsense", "crash"]
    monkeypatch.setitem(TARGETS, "made up", target)
    monkeypatch.setattr(harness, "SECONDS", 1.0)
    report = run_target("made up", len(ends), seed=1)
    kinds = ("read", "refused", "traceback", "nonsense", "crash")
    assert [report.counts[kind] for kind in kinds] == [1, 1, 1, 1, 1]
    ends = ["hang"]
    monkeypatch.setattr(harness, "SECONDS", 0.2)
    assert run_target("made up", 1, seed=1).counts == {"hang": 1}
