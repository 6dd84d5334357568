from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.metadata import Equilibrium
from glasscast.datasets.state_points import StatePoint
from glasscast.datasets.writer import DatasetWriter, replace_configurations
from glasscast.errors import GlasscastError, ModelError, SettingsError, SimulationError
from glasscast.liquid.box import minimum_image
from glasscast.liquid.definition import load_liquid
from glasscast.models.files import read_record
from glasscast.models.registry import load_model, reads
from glasscast.models.structural import StructuralBaseline, StructuralSettings
from glasscast.simulation.equilibration import first_snapshot
from glasscast.simulation.equilibrium_positions import EquilibriumPlan
from glasscast.simulation.executors import Scheduler
from glasscast.simulation.registry import load_engine
from glasscast.simulation.settings import (
    EquilibrationSettings,
    EquilibriumSettings,
    InherentSettings,
    MonteCarloCage,
)
from glasscast.workflows.add_equilibrium import RESULTS, add_equilibrium
from glasscast.workflows.complete import complete, examine
from tests.cli.material import contents

pytestmark = pytest.mark.lammps
pytest.importorskip("numba")
INHERENT = InherentSettings(force_tolerance=1e-4)
CAGE = MonteCarloCage(radius=0.25, burn_in=20, cycles=200)
SIZE = 300


def configurations():
    liquid, times = load_liquid("ka"), np.array([1.0])
    for k in range(3):
        short = EquilibrationSettings(hot_time=1, quench_time=1, time=1)
        snapshot = first_snapshot(liquid, SIZE, 1.0, short, [7, k], load_engine()).state
        labels = np.random.default_rng(k).random((1, SIZE))
        yield {
            "name": f"c{k}",
            "positions": snapshot.positions[0],
            "types": liquid.types(SIZE),
            "box": snapshot.box[0],
            "times": times,
            "propensity": labels,
        }


@pytest.fixture(scope="module")
def snapshots():
    return list(configurations())


def write(folder: Path, snapshots, **metadata) -> Path:
    from glasscast.datasets.configuration import Configuration

    writer = DatasetWriter(folder, "liquid")
    for fields in snapshots:
        writer.add(Configuration(**fields, metadata={"note": "mine", **metadata}), "print")
    writer.finish({"train": ["c0", "c1"], "test": ["c2"]})
    return folder


@pytest.fixture
def dataset(tmp_path, snapshots) -> Path:
    return write(tmp_path / "data", snapshots, liquid="ka", temperature=1.0)


@pytest.fixture(scope="module")
def reference(tmp_path_factory, snapshots) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reference") / "data"
    write(folder, snapshots, liquid="ka", temperature=1.0)
    add_equilibrium(folder, INHERENT, CAGE)
    return contents(folder)


def test_both_fields_are_added_and_nothing_else_changes(dataset, reference):
    before = Dataset.open(dataset)
    old = [c for c in before]
    after = add_equilibrium(dataset, INHERENT, CAGE)
    after.verify()
    assert contents(dataset) == reference
    files = [entry.path.name for entry in after.entries]
    assert sorted(reference) == sorted([*files, "dataset.json"])
    assert (after.splits, after.state_point) == (before.splits, before.state_point)
    liquid = load_liquid("ka")
    for was, now in zip(old, after, strict=True):
        for key, array in was.arrays():
            np.testing.assert_array_equal(getattr(now, key), array)
        forces = liquid.forces(now.inherent, now.types, now.box)
        assert np.linalg.norm(forces, axis=1).max() < 1.1e-4
        moved = minimum_image(now.cage - now.positions, now.box)
        assert 0.01 < np.linalg.norm(moved, axis=1).mean() < 0.25
        records = now.metadata.records
        assert records["inherent"]["settings"] == INHERENT.model_dump()
        assert records["inherent"]["converged"]
        assert records["cage"]["temperature"] == 1.0
        assert records["cage"]["liquid"] == "ka"
        assert now.metadata.records["note"] == "mine"
        assert now.metadata.fingerprint == was.metadata.fingerprint
    cages = [c.metadata.records["cage"]["seed"] for c in after]
    assert len({tuple(seed) for seed in cages}) == 3


def test_cages_by_short_runs_say_so_and_predict_makes_the_same_kind(dataset, tmp_path):
    short = {"by": "runs", "runs": 2, "time": 0.05}
    made = list(add_equilibrium(dataset, None, short))
    how = {**short, "mean": "at end", "independent": True}
    for c in made:
        assert c.metadata.equilibrium["cage"].to_json() == how
        assert c.metadata.records["cage"]["particle_steps"] == 2 * 10 * SIZE
        moved = minimum_image(c.cage - c.positions, c.box)
        assert 0 < np.abs(moved).max() < 0.3
    model = StructuralBaseline(
        StructuralSettings(structure="cage", quantity="cage-distance", length=0)
    )
    model.fit(made).save(tmp_path / "model")
    record = read_record(tmp_path / "model")
    assert record["reads"] == {"cage": how}
    assert reads(record) == "positions + cage (mean over 2 runs of t = 0.05)"
    model = load_model(tmp_path / "model")
    bare = made[0].with_fields(cage=None)
    needs = examine(model, bare, StatePoint())
    whole = complete(bare, needs, load_engine())
    np.testing.assert_array_equal(whole.cage, made[0].cage)
    assert whole.metadata.equilibrium == made[0].metadata.equilibrium

    add_equilibrium(dataset, None, CAGE)
    other = Dataset.open(dataset)[0]
    (remark,) = examine(model, other, StatePoint()).remarks
    assert remark[1] == (
        "its 'cage' positions are restricted Monte Carlo, R_cage = 0.25, cycles 200; the model was "
        "trained on mean over 2 runs of t = 0.05"
    )
    with pytest.raises(ModelError, match="'cage' positions of c0 were made otherwise"):
        model.fit([made[1], other])


def test_models_of_several_state_points_know_what_all_share():
    """Temperature and cycles differ, so the default is made of the latter."""
    common = Equilibrium(by="monte-carlo", temperature=0.5, radius=0.4, cycles=100).common(
        Equilibrium(by="monte-carlo", temperature=0.6, radius=0.4, cycles=200)
    )
    asked = EquilibriumSettings.like({"cage": common}, ["cage", "inherent"])
    assert asked == EquilibriumSettings(inherent=True, cage={"radius": 0.4})
    assert EquilibriumSettings.like({"cage": Equilibrium(by="given")}, ["cage"]).cage == (
        MonteCarloCage()
    )


def test_only_what_changed_settings_touch_is_made_anew(dataset, monkeypatch):
    made, find = [], EquilibriumPlan.find

    def counted(self, field, snapshot):
        made.append((snapshot.name, field))
        return find(self, field, snapshot)

    monkeypatch.setattr(EquilibriumPlan, "find", counted)
    add_equilibrium(dataset, INHERENT, None)
    assert made == [("c0", "inherent"), ("c1", "inherent"), ("c2", "inherent")]
    before = contents(dataset)
    add_equilibrium(dataset, INHERENT, None)
    assert len(made) == 3
    assert contents(dataset) == before
    add_equilibrium(dataset, INHERENT, CAGE)
    assert made[3:] == [("c0", "cage"), ("c1", "cage"), ("c2", "cage")]
    longer = CAGE.model_copy(update={"cycles": 210})
    changed = add_equilibrium(dataset, INHERENT, longer)
    assert made[6:] == [("c0", "cage"), ("c1", "cage"), ("c2", "cage")]
    assert changed[0].metadata.records["cage"]["settings"]["cycles"] == 210
    # a configuration whose field was taken away
    replace_configurations(dataset, [changed[1].with_fields(inherent=None)])
    add_equilibrium(dataset, INHERENT, longer)
    assert made[9:] == [("c1", "inherent")]


@pytest.mark.slow
def test_workers_do_not_change_a_byte(dataset, reference):
    add_equilibrium(dataset, INHERENT, CAGE, scheduler=Scheduler(workers=2))
    assert contents(dataset) == reference


_PROGRAM = (
    "import sys\n"
    "from glasscast.workflows.add_equilibrium import add_equilibrium\n"
    "from tests.unit.simulation.test_equilibrium import CAGE, INHERENT\n"
    "from glasscast.simulation.executors import Scheduler\n"
    "from pathlib import Path\n"
    "if __name__ == '__main__':\n"
    "    workers = Scheduler(workers=int(sys.argv[2]))\n"
    "    add_equilibrium(Path(sys.argv[1]), INHERENT, CAGE, scheduler=workers)\n"
)


@pytest.mark.parametrize(
    ("finished", "workers"),
    [(1, 1), *(pytest.param(k, 1 + k % 2, marks=pytest.mark.slow) for k in range(1, 6))],
)
def test_a_killed_call_goes_on_without_making_anything_twice(
    dataset, reference, tmp_path, monkeypatch, finished, workers
):
    script = tmp_path / "program.py"
    script.write_text(_PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(script), str(dataset), str(workers)],
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    results = dataset / RESULTS
    # results last until all six are there; a rename shows each
    while process.poll() is None and len(list(results.glob("*.npz"))) < finished:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    left = {file.name for file in results.glob("*.npz")}
    assert finished <= len(left) < 6
    Dataset.open(dataset).verify()
    made, find = set(), EquilibriumPlan.find

    def counted(self, field, snapshot):
        made.add(f"{snapshot.name}.{field}.npz")
        return find(self, field, snapshot)

    monkeypatch.setattr(EquilibriumPlan, "find", counted)
    add_equilibrium(dataset, INHERENT, CAGE)
    assert made.isdisjoint(left)
    assert len(made) == 6 - len(left)
    assert contents(dataset) == reference


def test_a_failing_configuration_leaves_the_dataset_and_keeps_the_others(dataset, monkeypatch):
    before, find = contents(dataset), EquilibriumPlan.find

    def flaky(self, field, snapshot):
        if snapshot.name == "c1":
            raise SimulationError("it broke")
        return find(self, field, snapshot)

    with monkeypatch.context() as patch:
        patch.setattr(EquilibriumPlan, "find", flaky)
        with pytest.raises(SimulationError, match="1 of 3 configurations failed; c1: it broke"):
            add_equilibrium(dataset, INHERENT, None)
    found = contents(dataset)
    assert {name: found[name] for name in before} == before
    results = {f"{RESULTS}/c0.inherent.npz", f"{RESULTS}/c2.inherent.npz"}
    assert found.keys() - before.keys() == results
    assert all(c.inherent is not None for c in add_equilibrium(dataset, INHERENT, None))


def test_liquid_and_temperature_come_from_somewhere_and_never_contradict(
    tmp_path, snapshots, monkeypatch
):
    silent = write(tmp_path / "silent", snapshots)
    known = write(tmp_path / "known", snapshots, liquid="ka", temperature=1.0)
    own = write(tmp_path / "own", snapshots, liquid="mine", temperature=1.0)
    monkeypatch.setattr(EquilibriumPlan, "find", None)  # nothing may be computed
    for folder, options, message in [
        (silent, {"temperature": 1.0}, "liquid: does not say which liquid it is of"),
        (silent, {"liquid": "ka"}, "tells no temperature, needed by cage states"),
        (silent, {"liquid": "ka", "temperature": -1}, "temperature must be positive, got -1"),
        (silent, {"liquid": "kaa", "temperature": 1.0}, "unknown liquid 'kaa'"),
        (known, {"temperature": 0.5}, "says temperature 1, not 0.5"),
        (known, {"liquid": "ka2d"}, "says liquid 'ka', not 'ka2d'"),
        (own, {}, "of the liquid 'mine', which is not built in"),
    ]:
        with pytest.raises(SettingsError, match=message):
            add_equilibrium(folder, INHERENT, CAGE, **options)
    with pytest.raises(SettingsError, match="nothing to add"):
        add_equilibrium(known, None, None)
    with pytest.raises(GlasscastError, match=r"c0\.npz: cage: box side 6\.3 is smaller than twice"):
        add_equilibrium(known, None, MonteCarloCage(radius=0.45))
    with pytest.raises(GlasscastError, match=r"c0\.npz: has 3 dimensions, ka2d 2"):
        add_equilibrium(silent, INHERENT, None, liquid="ka2d")


def test_options_take_the_place_of_metadata(tmp_path, snapshots, dataset):
    silent = write(tmp_path / "silent", snapshots)
    told = add_equilibrium(silent, INHERENT, CAGE, liquid="ka", temperature=1.0)
    known = add_equilibrium(dataset, INHERENT, CAGE)
    for one, two in zip(told, known, strict=True):
        np.testing.assert_array_equal(one.cage, two.cage)
        np.testing.assert_array_equal(one.inherent, two.inherent)


def test_overlapping_particles_are_named_before_any_work(tmp_path, snapshots):
    bad = [dict(fields) for fields in snapshots]
    bad[1]["positions"] = bad[1]["positions"].copy()
    bad[1]["positions"][7] = bad[1]["positions"][4] + 0.001
    bad[1]["positions"] %= bad[1]["box"]
    folder = write(tmp_path / "bad", bad, liquid="ka", temperature=1.0)
    with pytest.raises(GlasscastError, match=r"c1\.npz: particles 4 and 7 overlap: they are 0\.00"):
        add_equilibrium(folder, INHERENT, None)
    assert not (folder / RESULTS).exists()
    shutil.rmtree(folder)
