"""Runs read backwards: what each end configuration is told, and what that is worth."""

import numpy as np
import pytest
from format_writers import make_liquid, write_botan, write_dumps

from glasscast import load_sample
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.frames import Ensemble, Frame, RunFrame
from glasscast.datasets.reversed_runs import ReversedRuns
from glasscast.datasets.stationarity import drift_from_starts
from glasscast.datasets.writer import DatasetWriter, replace_configurations
from glasscast.errors import InputError, SettingsError
from glasscast.liquid.box import wrap
from glasscast.workflows.import_data import import_data


@pytest.fixture
def liquid():
    liquid = make_liquid(size=260)
    liquid.box[:] = (260 / 1.2) ** (1 / 3)
    return liquid


def test_each_end_is_a_configuration_with_the_label_of_its_run(tmp_path, liquid):
    write_botan(tmp_path / "in", liquid, 0, tag=2)
    write_botan(tmp_path / "in", liquid, 1, tag=7)
    forward = import_data(tmp_path / "in", tmp_path / "forward")
    backward = import_data(tmp_path / "in", tmp_path / "backward", reading="reversed")
    assert len(backward) == 3
    assert backward.times == [4120.0]
    assert backward.sources[0].model_extra["as"] == "reversed"
    for run, found in enumerate(backward):
        moved = liquid.runs[run, 1] - liquid.start
        np.testing.assert_array_equal(found.positions, wrap(liquid.runs[run, 1], found.box))
        np.testing.assert_allclose(found.propensity[0], np.linalg.norm(moved, axis=1), rtol=1e-6)
        np.testing.assert_allclose(found.tendency[0], -moved, rtol=1e-6, atol=1e-7)
        assert found.runs.tolist() == [1]
        assert found.propensity_halves is None
        origin = found.metadata.origin
        assert (origin.kind, origin.run, origin.time) == ("reversed", run, 4120.0)
        assert (origin.parent, found.root) == (forward.names[0], forward[0].root)
    joined = type(forward).join([forward, backward])
    assert len(set(joined.groups())) == 1


def test_other_lags_are_rows_of_their_own(tmp_path, liquid):
    write_botan(tmp_path / "in", liquid, 0, tag=2)
    write_botan(tmp_path / "in", liquid, 1, tag=7)
    options = {"times": [1.3, 4120]}
    made = import_data(tmp_path / "in", tmp_path / "out", reading="reversed", options=options)
    assert len(made) == 6
    found = made.subset(["N260T0.44_1-run-01-t1p3"])[0]
    assert found.times.tolist() == [1.3, 4120]
    assert found.runs.tolist() == [1, 0]
    assert np.isnan(found.propensity[1]).all()
    length = np.linalg.norm(liquid.runs[1, 0] - liquid.start, axis=1)
    np.testing.assert_allclose(found.propensity[0], length, rtol=1e-6)


def test_folded_runs_are_followed_back(tmp_path, liquid):
    """A particle that left through a face comes back through it."""
    liquid = make_liquid(size=60, side=8.0)
    write_dumps(tmp_path / "runs", liquid, folded=True)
    (ensemble,) = read_ensembles(tmp_path / "runs", options=ReadOptions(timestep=0.1))
    assert ensemble.wrapped
    for run, back in enumerate(ReversedRuns().read(ensemble)):
        (frame,) = back.frames()
        moved = frame.positions - back.parent.positions
        np.testing.assert_allclose(moved, liquid.start - liquid.runs[run, -1], atol=1e-5)


def test_labels_alone_cannot_be_reversed(tmp_path):
    bare = Ensemble(
        name="c",
        sources=(tmp_path / "c.npz",),
        parent=Frame(
            positions=np.ones((2, 3)),
            types=np.array([0, 1], dtype=np.int8),
            box=np.full(3, 5.0),
            absolute=True,
        ),
    )
    with pytest.raises(InputError, match="no trajectories that could be read backwards"):
        list(ReversedRuns().read(bare))
    with pytest.raises(SettingsError, match="only a chain has a stride"):
        import_data(tmp_path, tmp_path / "out", stride=2)


def test_the_reliability_of_one_run_is_the_share_of_its_variance_that_is_signal(rng, tmp_path):
    """Lengths p_i + e_ir with variances 1 and 3 over particles and runs: a fourth is signal."""
    size, runs = 4000, 8
    signal, noise = rng.normal(size=size), rng.normal(scale=3**0.5, size=(runs, size))
    start = rng.random((size, 3)) * 40
    lengths = 20 + signal + noise
    ends = start + lengths[:, :, None] * np.array([1.0, 0, 0])
    ensemble = Ensemble(
        name="c",
        sources=(tmp_path / "c.npz",),
        parent=Frame(
            positions=start, types=np.zeros(size, np.int8), box=np.full(3, 40.0), absolute=True
        ),
        times=np.array([5.0]),
        frames=lambda: (RunFrame(0, r, end, tmp_path) for r, end in enumerate(ends)),
    )
    backwards = ReversedRuns()
    assert len(list(backwards.read(ensemble))) == runs
    assert backwards.reliability()["A"]["5"] == pytest.approx(0.25, abs=0.02)


def test_runs_that_are_not_in_equilibrium_are_told(rng, tmp_path):
    """Those from an inherent structure take up the energy of vibrations."""
    snapshot = load_sample()[0]

    def energies_change(start):
        ends = [snapshot.positions + rng.normal(scale=0.02, size=start.shape) for _ in range(3)]
        ensemble = Ensemble(
            name="c",
            sources=(tmp_path / "c.npz",),
            parent=Frame(positions=start, types=snapshot.types, box=snapshot.box, absolute=True),
            times=np.array([5.0]),
            frames=lambda: (RunFrame(0, r, end, tmp_path) for r, end in enumerate(ends)),
            metadata={"liquid": "ka"},
        )
        backwards = ReversedRuns()
        assert len(list(backwards.read(ensemble))) == 3
        return backwards

    cold = energies_change(snapshot.inherent)
    assert cold.record()["stationary"] is False
    (remark,) = cold.remarks
    assert "not stationary" in remark
    warm = snapshot.positions + rng.normal(scale=0.02, size=snapshot.positions.shape)
    alike = energies_change(warm)
    assert alike.record()["stationary"] is True
    assert alike.remarks == []


def test_starts_and_ends_that_are_alike_rarely_differ_by_chance(rng):
    """Of draws around values that runs of a start share in part, at most one in a hundred."""

    def drift(shift):
        shared = rng.normal(size=6)
        ends = shared[:, None] + rng.normal(size=(6, 4)) + shift
        return drift_from_starts(shared + rng.normal(size=6), ends)

    assert sum(drift(0).is_one for _ in range(600)) <= 15
    assert sum(drift(3).is_one for _ in range(50)) >= 45
    assert drift(0.7).error == pytest.approx((1.25 / 6) ** 0.5, rel=0.6)
    assert drift_from_starts([1.0], [[2.0]]) is None


def test_runs_that_a_dataset_keeps_are_read_backwards(tmp_path, liquid):
    """As of files; they stay with the dataset when it is changed in place."""
    write_botan(tmp_path / "in", liquid, 0, tag=2)
    write_botan(tmp_path / "in", liquid, 1, tag=7)
    (start,) = import_data(tmp_path / "in", tmp_path / "from-files")
    from_files = import_data(tmp_path / "in", tmp_path / "a", reading="reversed")
    own = tmp_path / "own"
    writer = DatasetWriter(own)
    assert not writer.keeps_runs(start.name)
    writer.keep_runs(start.name, start.times, (liquid.runs - liquid.start).astype(np.float32))
    writer.add(start, "f")
    writer.finish()
    replace_configurations(own, [start.with_fields(inherent=start.positions)])
    made = import_data(own, tmp_path / "b", reading="reversed")
    assert made.names == from_files.names
    for one, other in zip(made, from_files, strict=True):
        np.testing.assert_allclose(one.propensity, other.propensity, rtol=1e-5)
        assert one.root == start.root
    both = import_data(own, tmp_path / "c", reading="reversed", options={"times": [1.3, 4120]})
    assert len(both) == 6
    bare = DatasetWriter(tmp_path / "bare")
    bare.add(start, "f")
    bare.finish()
    with pytest.raises(InputError, match="keep_trajectories: true"):
        import_data(tmp_path / "bare", tmp_path / "d", reading="reversed")
