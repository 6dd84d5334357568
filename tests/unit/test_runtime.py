"""What a process takes of its machine."""

import os
import sys

import pytest

from glasscast.runtime import Workspace, usable_cores


@pytest.mark.parametrize(("wish", "cores"), [("3", 3), ("2,1", 2)])
def test_threads_are_those_wished_for(monkeypatch, wish, cores):
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    assert Workspace().threads == cores


@pytest.mark.skipif(sys.platform != "linux", reason="processes are confined to cores on Linux")
@pytest.mark.parametrize("wish", ["", "0", "many"])
def test_threads_are_else_those_a_process_is_confined_to(monkeypatch, wish):
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert usable_cores() == len(before)
