import numpy as np
import pytest
from format_writers import collect, make_liquid, real_data

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.glassbench import (
    read_glassbench_models,
    read_glassbench_trajectories,
)
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError

SIDE = 32.8962


@pytest.fixture
def liquid():
    liquid = make_liquid(size=80, dimension=2, side=SIDE)
    liquid.box[:] = SIDE
    offset = SIDE * np.random.default_rng(1).integers(-2, 3, liquid.start.shape)
    liquid.start, liquid.runs = liquid.start + offset, liquid.runs + offset
    return liquid


def write_trajectories(folder, liquid, row, tag, **other):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"N80T0.23_1_tc{tag:02d}.npz"
    arrays = {
        "box": np.array(SIDE),
        "types": liquid.types.astype(np.int64) + 1,
        "initial_positions": liquid.start,
        "positions": liquid.runs[:, row],
    } | other
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def write_model(path, size=120, dimension=3, times=10, seed=3, **other):
    rng = np.random.default_rng(seed)
    side = (size / 1.2) ** (1 / 3) if dimension == 3 else SIDE * (size / 1290) ** 0.5
    start = (rng.random((size, dimension)) - 0.5) * side
    arrays = {
        "types": rng.integers(1, 3, size),
        "initial_positions": start,
        "initial_positions_inherent": start + rng.normal(size=start.shape) * 0.05,
        "md_prop": rng.random((times, size)),
        "bb_prop": rng.random((times, size)),
    } | other
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return arrays


def test_trajectories_far_outside_the_box_are_absolute(tmp_path, liquid):
    write_trajectories(tmp_path / "test", liquid, 1, tag=20)
    write_trajectories(tmp_path / "test", liquid, 0, tag=5)
    (ensemble,) = read_ensembles(tmp_path)
    assert ensemble.times.tolist() == [0.1, 122.47]
    assert ensemble.parent.types.tolist() == liquid.types.tolist()
    assert ensemble.metadata["split"] == "test"
    np.testing.assert_array_equal(ensemble.parent.box, [SIDE, SIDE])
    np.testing.assert_array_equal(collect(ensemble), liquid.runs)
    truth = np.linalg.norm(liquid.runs - liquid.start[:], axis=-1).mean(axis=0)
    np.testing.assert_allclose(reduce_ensemble(ensemble).propensity, truth, rtol=1e-5)


def test_inherent_positions_travel_along(tmp_path, liquid):
    inherent = liquid.start + 0.1
    write_trajectories(tmp_path, liquid, 0, tag=5, initial_positions_inherent=inherent)
    (ensemble,) = read_glassbench_trajectories(tmp_path, ReadOptions())
    np.testing.assert_array_equal(ensemble.labels["inherent"], inherent)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"box": None}, "lacks the key 'box'"),
        ({"box": np.array([SIDE, SIDE, SIDE])}, "'box' must be one or 2 numbers"),
        ({"box": np.array(-1.0)}, "'box' sides must be positive"),
        ({"box": np.array("wide")}, "'box' must hold numbers"),
        ({"types": np.zeros(80, int)}, "count species from 1"),
        ({"initial_positions_inherent": np.zeros((80, 2))}, "lies .* sigma from"),
    ],
)
def test_bad_trajectory_files(tmp_path, liquid, changes, message):
    write_trajectories(tmp_path, liquid, 0, tag=5, **changes)
    with pytest.raises(InputError, match=message):
        next(read_glassbench_trajectories(tmp_path, ReadOptions()))


def test_tags_are_labels_not_rows(tmp_path, liquid):
    write_trajectories(tmp_path, liquid, 0, tag=3)
    with pytest.raises(InputError, match=r"tc03 has no time in the table \(tc05, tc10"):
        next(read_glassbench_trajectories(tmp_path, ReadOptions()))


def test_tags_of_the_warmer_mixture_count_by_one(tmp_path, liquid):
    """As the README of the published archive says: tc01 to tc06."""
    write_trajectories(tmp_path, liquid, 0, tag=5)
    (written,) = tmp_path.glob("*.npz")
    written.rename(tmp_path / "N80T0.30_1_tc03.npz")
    (ensemble,) = read_glassbench_trajectories(tmp_path, ReadOptions())
    np.testing.assert_array_equal(ensemble.times, [14.14])


def test_models_give_labels_times_box_and_split(tmp_path):
    arrays = write_model(tmp_path / "T0.50" / "train" / "N120T0.50_7.npz")
    (ensemble,) = read_ensembles(tmp_path)
    assert ensemble.name == "N120T0.50_7"
    assert ensemble.metadata["split"] == "train"
    assert ensemble.metadata["density"] == 1.2
    assert ensemble.times[6] == 217
    assert list(ensemble.frames()) == []
    configuration = reduce_ensemble(ensemble)
    np.testing.assert_allclose(configuration.propensity, arrays["md_prop"], rtol=1e-6)
    np.testing.assert_allclose(configuration.bond_breaking, arrays["bb_prop"], rtol=1e-6)
    assert configuration.inherent is not None
    assert configuration.cage is None


def test_two_dimensional_model_has_the_published_box(tmp_path):
    write_model(tmp_path / "N1290T0.30_2.npz", size=1290, dimension=2, times=6)
    (ensemble,) = read_glassbench_models(tmp_path, ReadOptions())
    np.testing.assert_allclose(ensemble.parent.box, SIDE)
    assert ensemble.metadata["liquid"] == "ka2d"


def test_cage_is_read_where_present(tmp_path):
    arrays = write_model(tmp_path / "N120T0.44_7.npz")
    cage = arrays["initial_positions"] + 0.02
    write_model(tmp_path / "N120T0.44_7.npz", initial_positions_cage=cage)
    (ensemble,) = read_glassbench_models(tmp_path, ReadOptions())
    np.testing.assert_array_equal(ensemble.labels["cage"], cage)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"md_prop": np.zeros((9, 120))}, r"'md_prop' must be numbers of shape \(10, 120\)"),
        ({"bb_prop": np.full((10, 120), np.nan)}, "'bb_prop' is not finite at time 0"),
        ({"bb_prop": None}, "lacks the key 'bb_prop'"),
        ({"types": np.zeros(120, int)}, "count species from 1"),
    ],
)
def test_bad_model_files(tmp_path, changes, message):
    write_model(tmp_path / "N120T0.44_7.npz", **changes)
    with pytest.raises(InputError, match=message):
        next(read_glassbench_models(tmp_path, ReadOptions()))


def test_a_configuration_twice_is_refused(tmp_path):
    for folder in ("train", "test"):
        write_model(tmp_path / folder / "N120T0.44_7.npz")
    with pytest.raises(InputError, match="is the same configuration as"):
        list(read_glassbench_models(tmp_path, ReadOptions()))


@pytest.mark.realdata
def test_real_two_dimensional_trajectories():
    (ensemble,) = read_ensembles(real_data("glassbench_ka2d"))
    assert ensemble.times.tolist() == [0.1, 122.47, 13554]
    np.testing.assert_array_equal(np.bincount(ensemble.parent.types), [600, 330, 360])
    frames = collect(ensemble)
    assert frames.shape == (20, 3, 1290, 2)
    means = np.linalg.norm(frames - ensemble.parent.positions, axis=-1).mean(axis=(0, 2))
    # At t = 0.1 particles still fly: 0.1 sqrt(pi T / 2) = 0.060 at T = 0.23, and a little less.
    assert 0.04 < means[0] < 0.060
    assert np.all(np.diff(means) > 0)
