"""Long runs: every frame labelled by those before and after it, and what is said of the run."""

import numpy as np
import pytest
from format_writers import dump_text
from tests.conftest import random_liquid

from glasscast.datasets.chains import Chains
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.stationarity import drift_of
from glasscast.errors import InputError, SettingsError
from glasscast.liquid.box import wrap
from glasscast.workflows.describe import describe
from glasscast.workflows.import_data import import_data


@pytest.fixture
def walk(rng):
    """Thirty frames of a random walk (30, N, 3) on the whole adrift, types, box."""
    positions, types, box = random_liquid(rng, 64)
    steps = rng.normal(scale=0.05, size=(30, 64, 3))
    steps[0] = 0
    drift = np.linspace(0, 1, 30)[:, None, None] * np.array([1.0, 0.5, 0])
    return positions + steps.cumsum(axis=0) + drift, types, box


def write(folder, walk, name="run1", every=100):
    frames, types, box = walk
    folder.mkdir(exist_ok=True)
    steps = every * np.arange(len(frames)) if np.ndim(every) == 0 else every
    text = (dump_text(s, f, types, box) for s, f in zip(steps, frames, strict=True))
    (folder / f"{name}.dump").write_text("".join(text))
    return folder


def chain(folder, out, times=(1.0, 5.0), **more):
    options = {"timestep": 0.01, "times": times}
    return import_data(folder, out, reading="chain", options=options, **more)


def test_labels_are_means_over_later_and_earlier_frames_without_drift(tmp_path, walk):
    data = chain(write(tmp_path / "in", walk), tmp_path / "out")
    frames, _, box = walk
    at_rest = frames - (frames - frames[0]).mean(axis=1, keepdims=True)
    assert data.names == [f"run1-{k:04d}" for k in range(30)]
    assert data.times == [1.0, 5.0]
    assert [c.runs.tolist() for c in data[:6]] == [[1, 1], *[[2, 1]] * 4, [2, 2]]
    for k, found in enumerate(data):
        np.testing.assert_allclose(found.positions, wrap(at_rest[k], box), atol=1e-5)
        for row, lag in enumerate((1, 5)):
            moved = [at_rest[j] - at_rest[k] for j in (k + lag, k - lag) if 0 <= j < 30]
            lengths = np.linalg.norm(moved, axis=2)
            np.testing.assert_allclose(found.propensity[row], lengths.mean(axis=0), atol=1e-5)
            np.testing.assert_allclose(found.tendency[row], np.mean(moved, axis=0), atol=1e-5)
            halves = found.propensity_halves
            if len(moved) == 2:  # forward, backward
                np.testing.assert_allclose(halves[:, row], lengths, atol=1e-5)
            else:
                assert halves is None or np.isnan(halves[:, row]).all()
        origin = found.metadata.origin
        assert (origin.kind, origin.parent, origin.time) == ("chain", "run1", k)
    assert len(set(data.groups())) == 1
    assert data[0].root == data[0].fingerprint()[:16]
    (told,) = data.sources[0].model_extra["chains"].values()
    assert (told["frames"], told["spacing"], told["pairs"]) == (30, 1.0, [58, 50])
    assert told["shared_windows"] == [0, 0.8]
    assert told["centre_moved"] == pytest.approx(np.linalg.norm([1, 0.5]), abs=0.05)


def test_a_stride_and_frames_at_any_times(tmp_path, walk):
    """Of frames at 0, 1, 3, 4, 6, .. every second is taken; only true differences are lags."""
    steps = 100 * np.array([k + k // 2 for k in range(30)])
    data = chain(write(tmp_path / "in", walk, every=steps), tmp_path / "out", (1.0,), stride=2)
    assert data.names == [f"run1-{k:04d}" for k in range(0, 30, 2)]
    assert all(c.runs.tolist() == [1] for c in data)
    assert data[1].metadata.origin.time == 3


def test_every_file_is_a_chain_of_its_own(tmp_path, walk):
    frames, types, box = walk
    write(tmp_path / "in", walk)
    write(tmp_path / "in", (frames[::-1] + 0.1, types, box), "run2")
    data = chain(tmp_path / "in", tmp_path / "out", (5.0,))
    assert len(data) == 60
    assert len(set(data.groups())) == 2


def test_what_cannot_be_a_chain_is_refused(tmp_path, walk):
    folder = write(tmp_path / "in", walk)
    with pytest.raises(SettingsError, match="needs the times of its labels"):
        import_data(folder, tmp_path / "a", reading="chain", options={"timestep": 0.01})
    with pytest.raises(InputError, match=r"no two frames that are 0\.5 apart; .* 1 apart"):
        chain(folder, tmp_path / "b", (0.5, 1.0))
    write(folder, walk, "run2")
    (ensemble,) = read_ensembles(folder, options=ReadOptions(timestep=0.01))
    with pytest.raises(InputError, match="one of several runs from one start"):
        list(Chains((1.0,)).read(ensemble))


def test_drift_is_told_from_noise(rng):
    """Of correlated noise few are called a drift; an ageing that beats it is."""

    def noise():
        steps = rng.normal(size=60)
        for k in range(1, 60):
            steps[k] += 0.5 * steps[k - 1]
        return steps

    called = sum(drift_of(noise()).is_one for _ in range(400))
    assert called <= 20
    ageing = 8 * np.exp(-np.arange(60) / 5)
    assert sum(drift_of(noise() + ageing).is_one for _ in range(100)) > 90
    assert drift_of(rng.normal(size=8)) is None
    assert not drift_of(np.ones(20)).is_one


def test_overlapping_windows_are_not_independent(rng):
    """Means over ten values each drift no more often than the values themselves."""
    kernel = np.ones(10) / 10
    walks = (np.convolve(rng.normal(size=70), kernel, "valid") for _ in range(300))
    assert sum(drift_of(walk, window=10).is_one for walk in walks) <= 15


def test_a_run_that_ages_is_said_to(tmp_path, walk, rng, caplog):
    """Steps that become smaller: F_s at a lag rises with age."""
    frames, types, box = walk
    steps = rng.normal(scale=0.05, size=(30, 64, 3)) * np.linspace(3, 0.5, 30)[:, None, None]
    aged = frames[0] + steps.cumsum(axis=0)
    data = chain(write(tmp_path / "in", (aged, types, box)), tmp_path / "out", (1.0,))
    (told,) = data.sources[0].model_extra["chains"].values()
    assert told["stationary"] is False
    assert "is not stationary: F_s(2 pi, 1) changes by 0." in caplog.text
    steady = chain(write(tmp_path / "steady", walk), tmp_path / "other", (1.0,))
    assert steady.sources[0].model_extra["chains"]["run1"]["stationary"] is True


def test_info_tells_what_single_runs_are_worth(tmp_path, walk):
    chain(write(tmp_path / "in", walk), tmp_path / "out", (5.0,))
    told = dict(describe(tmp_path / "out"))
    assert told["kinds"] == "30 chain"
    assert told["reliability of a single run"].startswith("A 0.")
    assert "not stationary" not in told
