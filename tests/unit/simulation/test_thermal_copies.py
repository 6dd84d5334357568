from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.splits import groups_of
from glasscast.datasets.writer import DatasetWriter, replace_configurations
from glasscast.errors import InputError, SettingsError
from glasscast.evaluation.bonds import bond_lengths
from glasscast.liquid.box import minimum_image
from glasscast.liquid.definition import load_liquid
from glasscast.models.structural import StructuralBaseline, StructuralSettings
from glasscast.simulation.copies import copies_of
from glasscast.simulation.equilibration import first_snapshot
from glasscast.simulation.registry import load_engine
from glasscast.simulation.settings import EquilibrationSettings
from glasscast.workflows.experiment_folder import read_outcome
from glasscast.workflows.experiments import BenchmarkExperiment, Data, TrainExperiment
from glasscast.workflows.fits import fits_of
from glasscast.workflows.make_copies import make_copies
from glasscast.workflows.train import train
from tests.cli.material import contents
from tests.watched import Watched

pytestmark = pytest.mark.lammps
SIZE = 300


@pytest.fixture(scope="module")
def snapshots():
    liquid = load_liquid("ka")
    short = EquilibrationSettings(hot_time=1, quench_time=1, time=1)
    made = [first_snapshot(liquid, SIZE, 1.0, short, [7, k], load_engine()) for k in range(3)]
    return [(liquid.types(SIZE), snapshot.state) for snapshot in made]


@pytest.fixture
def source(tmp_path, snapshots) -> Path:
    writer = DatasetWriter(tmp_path / "liquid")
    for k, (types, snapshot) in enumerate(snapshots):
        labels = np.random.default_rng(k).random((2, SIZE))
        configuration = Configuration(
            name=f"c{k}",
            positions=snapshot.positions[0],
            types=types,
            box=snapshot.box[0],
            inherent=snapshot.positions[0],
            times=np.array([1.0, 10.0]),
            propensity=labels,
            propensity_halves=np.stack([labels, labels]),
            tendency=np.zeros((2, SIZE, 3)),
            bonds=np.array([[0, 5], [1, 9]]),
            bond_change=labels[:, :2],
            bond_change_halves=np.stack([labels, labels])[:, :, :2],
            metadata={"liquid": "ka", "temperature": 1.0},
        )
        writer.add(configuration, "print")
    writer.finish()
    return tmp_path / "liquid"


def test_copies_move_a_little_and_keep_their_labels(source, tmp_path):
    made = make_copies(source, tmp_path / "copies", copies=2, time=0.1)
    snapshots = {c.name: c for c in Dataset.open(source)}
    assert made.names == [f"c{k}-copy-{n:02d}" for k in range(3) for n in (1, 2)]
    for copy in made:
        snapshot = snapshots[copy.name[:2]]
        moved = minimum_image(copy.positions - snapshot.positions, copy.box)
        # free flight gives 0.1 sqrt(3 T / m) = 0.17; collisions shorten it, nothing stands still
        assert 0.05 < np.sqrt((moved**2).sum(1).mean()) < 0.18
        assert copy.times.tolist() == [10.0]  # 1 is not fifty times 0.1
        np.testing.assert_array_equal(copy.propensity, snapshot.propensity[1:])
        np.testing.assert_array_equal(copy.inherent, snapshot.inherent)
        assert copy.tendency is None
        assert copy.propensity_halves is None
        assert copy.bond_change_halves is None
        # the mean distance at t stays, whatever the distance that it is counted from
        np.testing.assert_allclose(
            copy.bond_change[0] + bond_lengths(copy),
            snapshot.bond_change[1] + bond_lengths(snapshot),
            rtol=1e-6,
        )
    first, second = made[0], made[1]
    assert np.abs(minimum_image(first.positions - second.positions, first.box)).max() > 0.05


def test_copies_for_a_forecast_are_those_of_the_dataset(source, tmp_path):
    made = make_copies(source, tmp_path / "copies", copies=2, time=0.1)
    again = copies_of(Dataset.open(source)[1], 2, 0.1, load_engine())
    for copy, expected in zip(again, made[2:4], strict=True):
        np.testing.assert_array_equal(copy.positions, expected.positions)


def test_mean_forecast_leaves_early_times_to_the_snapshot(source, tmp_path):
    rng = np.random.default_rng(0)
    varied = []
    for c in Dataset.open(source):
        step = rng.random((SIZE, 3))
        labels = np.stack([np.linalg.norm(step, axis=1)] * 2)
        inherent = (c.positions + step) % c.box
        varied.append(c.with_fields(inherent=inherent, propensity=labels, propensity_halves=None))
    snapshot = varied[0]
    settings = StructuralSettings(quantity="inherent-distance", length=0)
    model = StructuralBaseline(settings).fit(varied)
    moved = [snapshot, *copies_of(snapshot, 3, 0.1, load_engine())]
    single = np.array([model.predict(c).values for c in moved])
    together = model.predict_mean(moved, since=5.0).values
    np.testing.assert_array_equal(together[0], single[0, 0])
    np.testing.assert_allclose(together[1], single[:, 1].mean(0), rtol=1e-5)
    assert np.abs(together[1] - single[0, 1]).max() > 1e-3


def test_benchmark_averages_only_where_asked(source, tmp_path):
    make_copies(source, tmp_path / "copies", copies=2, time=0.1)
    experiment = BenchmarkExperiment(
        data={"datasets": [source], "times": [10.0]},
        copies={"datasets": [tmp_path / "copies"], "averaged": ["mean"]},
        folds="each",
        models={"LR": "lr", "mean": "lr"},
    )
    fit = fits_of(experiment)[0]
    (name,) = fit.test.names
    assert fit.forecast_from(name, "LR").names == [name]
    assert fit.forecast_from(name, "mean").names == [name, f"{name}-copy-01", f"{name}-copy-02"]


def test_interrupted_copies_go_on_to_the_same_bytes(source, tmp_path):
    def copy(name, stop_at=None):
        engine = Watched(load_engine(), stop_at)
        with pytest.raises(KeyboardInterrupt) if stop_at else nullcontext():
            make_copies(source, tmp_path / name / "copies", copies=2, time=0.1, engine=engine)
        return engine.opened, contents(tmp_path / name / "copies")

    opened, whole = copy("whole")
    assert opened == 6  # a system for each run
    _, broken = copy("broken", stop_at=6)
    assert broken.keys() == {"parts/c0.npz", "parts/c1.npz"}
    assert copy("broken") == (2, whole)
    assert copy("broken") == (0, whole)


def test_copies_stay_with_their_snapshot_in_every_fold(source, tmp_path):
    make_copies(source, tmp_path / "copies", copies=2, time=0.1)
    data = {"datasets": [source], "times": [10.0]}
    experiment = BenchmarkExperiment(
        data=data,
        copies={"datasets": [tmp_path / "copies"], "models": ["LR"]},
        folds="each",
        models={"LR": "lr", "plain": "lr"},
    )
    fits = fits_of(experiment)
    assert len(fits) == 3
    for fit in fits:
        (held_out,) = fit.test.names
        trained = fit.trained_on("LR")
        assert len(trained) == 6
        assert not [name for name in trained.names if name.startswith(held_out)]
        assert len(set(groups_of(trained))) == 2
        assert len(fit.trained_on("plain")) == 2


def test_training_takes_named_configurations_and_their_copies(source, tmp_path):
    make_copies(source, tmp_path / "copies", copies=2, time=0.1)
    wanted = {"datasets": [source], "times": [10.0], "configurations": ["c0", "c2"]}
    model = {"name": "structural", "quantity": "inherent-distance", "length": 0}
    experiment = TrainExperiment(
        train=wanted, copies={"datasets": [tmp_path / "copies"]}, model=model
    )
    train(experiment, tmp_path / "run")
    record = read_outcome(tmp_path / "run")
    assert sorted(name[:2] for name in record["trained_on"]) == ["c0"] * 3 + ["c2"] * 3
    assert record["data"]["copies"]["configurations"] == 4
    with pytest.raises(InputError, match="no configuration 'c7'"):
        Data(datasets=[source], configurations=["c7"]).open()


def test_copies_of_other_data_are_refused(source, tmp_path):
    make_copies(source, tmp_path / "copies", copies=1, time=0.1)
    other = tmp_path / "other"
    shutil.copytree(source, other)
    replace_configurations(
        other, (c.with_fields(positions=c.positions[::-1]) for c in Dataset.open(source))
    )
    manifest = other / "dataset.json"
    manifest.write_text(manifest.read_text().replace('"name": "liquid"', '"name": "other"'))
    experiment = BenchmarkExperiment(
        data={"datasets": [other], "times": [10.0]},
        copies={"datasets": [tmp_path / "copies"]},
        folds="each",
        models={"LR": "lr"},
    )
    with pytest.raises(SettingsError, match="a copy of 'liquid/c0', which is not in the data"):
        fits_of(experiment)


def test_copies_are_not_used_at_times_they_do_not_hold_for(source, tmp_path):
    make_copies(source, tmp_path / "copies", copies=1, time=0.1)
    experiment = BenchmarkExperiment(
        data={"datasets": [source]},  # at 1 and 10; the copies are valid at 10
        copies={"datasets": [tmp_path / "copies"]},
        folds="each",
        models={"LR": "lr"},
    )
    with pytest.raises(SettingsError, match="choose the same 'times' for both"):
        fits_of(experiment)


def test_what_cannot_be_copied_is_refused(source, tmp_path):
    with pytest.raises(SettingsError, match="shorten their time"):
        make_copies(source, tmp_path / "copies", time=1.0)
    with pytest.raises(SettingsError, match="folder of their own"):
        make_copies(source, source, time=0.1)
    with pytest.raises(SettingsError, match="temperature 1, not 2"):
        make_copies(source, tmp_path / "copies", time=0.1, temperature=2.0)
