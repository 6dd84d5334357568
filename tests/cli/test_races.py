"""Two processes that write into one folder at once: one does its work, the other is refused."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from glasscast.datasets.dataset import Dataset
from tests.cli.material import botan_folder

#: Does its side of every race as soon as the other side is there as well.
_PROGRAM = """
import json, random, sys, time
from pathlib import Path
from glasscast.errors import GlasscastError
from glasscast.workflows.import_data import import_data
from glasscast.datasets.writer import replace_configurations
from glasscast.datasets.locks import locked
from glasscast.datasets.dataset import Dataset

side, kind, source, place, count = *sys.argv[1:5], int(sys.argv[5])
draw = random.Random(side)

def change(folder):
    with locked(folder, "equilibrium"):
        order = slice(None, None, 1 if side == "a" else -1)
        data = Dataset.open(folder)
        replace_configurations(folder, [c.with_fields(inherent=c.positions[order]) for c in data])

told = []
for number in range(count):
    folder = Path(place) / str(number)
    Path(place, f"ready-{number}-{side}").touch()
    while not Path(place, f"ready-{number}-{'ab'[side == 'a']}").exists():
        time.sleep(0.0002)
    time.sleep(draw.random() * 0.01)
    began = time.time()
    try:
        import_data(source, folder, name="race") if kind == "import" else change(folder)
        says = ""
    except GlasscastError as error:
        says = str(error)
    told.append([says, began, time.time()])
print(json.dumps(told))
"""


def race(place, kind: str, sources, count: int) -> list[list[tuple[str, float, float]]]:
    """Let two processes race so many times; what each was told, when it began and ended."""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, side, kind, str(source), str(place), str(count)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for side, source in zip("ab", sources, strict=True)
    ]
    told = [json.loads(process.communicate(timeout=300)[0]) for process in both]
    at_once = sum(max(a[1], b[1]) < min(a[2], b[2]) for a, b in zip(*told, strict=True))
    print(f"{kind}: {count} races, both at work at once in {at_once}")
    assert at_once > count / 2
    return told


COUNTS = [4, pytest.param(60, marks=pytest.mark.slow)]


@pytest.mark.parametrize("count", COUNTS)
def test_of_two_imports_into_one_folder_one_is_refused(tmp_path, count):
    sources = [botan_folder(tmp_path / side, configurations=2 + k) for k, side in enumerate("ab")]
    told = race(tmp_path, "import", sources, count)
    for number, outcomes in enumerate(zip(*told, strict=True)):
        (winner,) = (k for k, (says, *_) in enumerate(outcomes) if not says)
        assert any(
            words in outcomes[1 - winner][0] for words in ("for other work", "is being written by")
        )
        data = Dataset.open(tmp_path / str(number))
        data.verify()
        assert len(data) == 2 + winner
        assert len(list((tmp_path / str(number)).glob("*.npz"))) == 2 + winner


@pytest.mark.parametrize("count", COUNTS)
def test_two_changes_of_one_dataset_come_one_after_the_other(tmp_path, liquid, count):
    for number in range(count):
        shutil.copytree(liquid, tmp_path / str(number))
    told = race(tmp_path, "change", [liquid, liquid], count)
    for number, outcomes in enumerate(zip(*told, strict=True)):
        assert all(not says or "is being written by" in says for says, *_ in outcomes)
        data = Dataset.open(tmp_path / str(number))
        data.verify()
        by_first = {np.array_equal(c.inherent, c.positions) for c in data}
        by_second = {np.array_equal(c.inherent, c.positions[::-1]) for c in data}
        assert (by_first, by_second) in (({True}, {False}), ({False}, {True}))
