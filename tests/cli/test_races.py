"""Two processes that write into one folder at once: one does its work, the other is refused."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.formats.registry import read_snapshot
from glasscast.datasets.writer import DatasetWriter, replace_configurations
from tests.cli.material import botan_folder
from tests.engine_contract import shaken

#: Does its side of every race as soon as the other side is there as well.
_PROGRAM = """
import json, random, sys, time
from pathlib import Path
from glasscast.errors import GlasscastError
from glasscast.workflows.add_equilibrium import add_equilibrium
from glasscast.workflows.import_data import import_data
from glasscast.workflows.make_copies import make_copies
from glasscast.workflows.simulate import simulate
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

def run(folder):
    settings = {"temperature": 1.0, "runs": 2, "times": [0.05, 0.2], "inherent": False}
    seed = 1 if side == "a" else 2
    simulate({**settings, "starts": [source], "seed": seed}, folder)

def look(folder):
    for _ in range(8):
        for c in Dataset.open(folder):
            if c.inherent is not None and not any(
                (c.inherent == order).all() for order in (c.positions, c.positions[::-1])
            ):
                raise GlasscastError(f"{c.name} is in no state that was written")

calls = {
    "import": lambda folder: import_data(source, folder, name="race"),
    "change": change,
    "read": change if side == "a" else look,
    "simulate": run,
    "mixed": run if side == "a" else lambda folder: import_data(source, folder, name="race"),
    "equilibrium": lambda folder: add_equilibrium(
        folder,
        {"force_tolerance": 1e-2} if side == "a" else None,
        None if side == "a" else {"radius": 0.2, "burn_in": 5, "cycles": 10},
        liquid="ka",
        temperature=1.0,
    ),
    "copies": lambda folder: make_copies(
        source, folder, copies=2, time=0.02, seed=1 if side == "a" else 2
    ),
}
told = []
for number in range(count):
    folder = Path(place) / str(number)
    Path(place, f"ready-{number}-{side}").touch()
    while not Path(place, f"ready-{number}-{'ab'[side == 'a']}").exists():
        time.sleep(0.0002)
    time.sleep(draw.random() * 0.01)
    began = time.time()
    try:
        calls[kind](folder)
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
    assert at_once >= count / 2
    return told


COUNTS = [2, pytest.param(60, marks=pytest.mark.slow)]


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


#: These belong to the soak.
SLOW = [pytest.param(60, marks=pytest.mark.slow)]
_REFUSED = ("for other work", "is being written by", "was made by", "did not make")


def only_winner(outcomes) -> int:
    """The one of two sides that did its work; the other was refused in clear words."""
    (winner,) = (k for k, (says, *_) in enumerate(outcomes) if not says)
    assert any(words in outcomes[1 - winner][0] for words in _REFUSED), outcomes
    return winner


@pytest.fixture
def start(tmp_path):
    """A liquid that can be simulated."""
    began = shaken()
    path = tmp_path / "start.npz"
    np.savez(path, positions=began.positions[0], types=began.types, box=began.box)
    return path


@pytest.mark.lammps
@pytest.mark.parametrize("count", SLOW)
def test_of_two_simulations_in_one_folder_one_is_refused(tmp_path, start, count):
    told = race(tmp_path, "simulate", [start, start], count)
    for number, outcomes in enumerate(zip(*told, strict=True)):
        data = Dataset.open(tmp_path / str(number))
        data.verify()
        assert data[0].metadata.records["seed"][0] == 1 + only_winner(outcomes)
        assert len(list((tmp_path / str(number) / "parts").iterdir())) == 1


@pytest.mark.lammps
@pytest.mark.parametrize("count", SLOW)
def test_of_a_simulation_and_an_import_one_is_refused(tmp_path, start, count):
    sources = [start, botan_folder(tmp_path / "in", configurations=2)]
    told = race(tmp_path, "mixed", sources, count)
    for number, outcomes in enumerate(zip(*told, strict=True)):
        data = Dataset.open(tmp_path / str(number))
        data.verify()
        winner = only_winner(outcomes)
        assert data.sources[0].how == ("simulate", "import")[winner]
        assert len(data) == 1 + winner


@pytest.mark.lammps
@pytest.mark.parametrize("count", SLOW)
def test_two_searches_for_equilibrium_positions_come_one_after_the_other(tmp_path, start, count):
    pytest.importorskip("numba")
    (snapshot,) = read_snapshot(start)
    for number in range(count):
        writer = DatasetWriter(tmp_path / str(number), "race")
        writer.add(snapshot, "")
        writer.finish()
    told = race(tmp_path, "equilibrium", [start, start], count)
    for number, outcomes in enumerate(zip(*told, strict=True)):
        assert all(not says or "is being written by" in says for says, *_ in outcomes)
        data = Dataset.open(tmp_path / str(number))
        data.verify()
        found = [getattr(data[0], field) is not None for field in ("inherent", "cage")]
        assert found == [not says for says, *_ in outcomes]
        assert any(found)
        left = {path.name for path in (tmp_path / str(number)).iterdir()}
        assert "equilibrium" not in left


@pytest.mark.lammps
@pytest.mark.parametrize("count", SLOW)
def test_of_two_makers_of_copies_in_one_folder_one_is_refused(tmp_path, start, count):
    (snapshot,) = read_snapshot(start)
    labelled = snapshot.with_fields(
        times=np.array([5.0]),
        propensity=np.ones((1, snapshot.size)),
        metadata={"liquid": "ka", "temperature": 1.0},
    )
    writer = DatasetWriter(tmp_path / "source", "source")
    writer.add(labelled, "")
    writer.finish()
    told = race(tmp_path, "copies", [tmp_path / "source"] * 2, count)
    for number, outcomes in enumerate(zip(*told, strict=True)):
        data = Dataset.open(tmp_path / str(number))
        data.verify()
        made = {c.metadata.records["thermal_copy"]["seed"] for c in data}
        assert made == {1 + only_winner(outcomes)}
        assert len(data) == 2


@pytest.mark.parametrize("count", COUNTS)
def test_who_reads_while_another_changes_sees_what_was_or_what_is(tmp_path, liquid, count):
    data = Dataset.open(liquid)
    for number in range(count):
        copy = shutil.copytree(liquid, tmp_path / str(number))
        replace_configurations(copy, [c.with_fields(inherent=c.positions) for c in data])
    writer, reader = race(tmp_path, "read", [liquid, liquid], count)
    assert {says for says, *_ in (*writer, *reader)} == {""}
    for number in range(count):
        Dataset.open(tmp_path / str(number)).verify()
