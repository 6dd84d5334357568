"""Labels of the same snapshots from several sources in one dataset."""

import numpy as np
import pytest

import glasscast as gc
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.metadata import MeasuredRelaxation
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, SettingsError
from tests.conftest import random_liquid

TIMES = (0.1, 1.0, 10.0)


def measured(name, times, runs, seed, size=120, slow=1.0) -> Configuration:
    """Means over runs of Gaussian steps, the size of which the particle and the time decide."""
    positions, types, box = random_liquid(np.random.default_rng(len(name)), size)
    width = np.linspace(0.1, 0.3, size) * slow
    steps = np.random.default_rng(seed).normal(size=(runs, len(times), size, 3))
    steps *= width[:, None] * np.sqrt(times)[:, None, None]
    lengths = np.linalg.norm(steps, axis=-1)
    bonds = np.stack([np.arange(size - 1), np.arange(1, size)])
    return Configuration(
        name=name, positions=positions, types=types, box=box, times=np.array(times),
        runs=np.full(len(times), runs), propensity=lengths.mean(axis=0),
        propensity_halves=np.stack([lengths[k::2].mean(axis=0) for k in (0, 1)]),
        tendency=steps.mean(axis=0), bonds=bonds,
        bond_change=np.linalg.norm(steps, axis=-1).mean(axis=0)[:, 1:],
        metadata={"liquid": "ka", "temperature": 0.5},
    )  # fmt: skip


def write(folder, configurations, splits=None):
    writer = DatasetWriter(folder)
    for c in configurations:
        writer.add(c, "")
    return writer.finish(splits)


def same(one: Configuration, other: Configuration) -> None:
    for key, array in one.arrays():
        np.testing.assert_array_equal(getattr(other, key), array, err_msg=key)


@pytest.fixture
def late(tmp_path):
    """Two snapshots with their last time, as a public set has them."""
    found = [measured(name, TIMES[2:], 32, 1) for name in ("a", "bc")]
    return write(tmp_path / "late", found, {"train": ["a"], "test": ["bc"]})


def test_rows_of_both_sources_stand_beside_each_other_bit_for_bit(tmp_path, late):
    early = [measured("bc", TIMES[:2], 16, 2).with_fields(name="x")]
    early[0] = early[0].with_fields(inherent=early[0].positions)
    write(tmp_path / "early", early)
    joined = gc.join_labels(tmp_path / "late", tmp_path / "early", tmp_path / "joined")
    assert joined.names == ["a", "bc"]
    assert joined.times == list(TIMES)
    assert joined.splits == {"train": ("a",), "test": ("bc",)}
    assert joined.stages.source == (1, 1, 0)
    assert joined[1].runs.tolist() == [16, 16, 32]
    same(joined[1].at_times([2]).with_fields(inherent=None), late[1])
    np.testing.assert_array_equal(joined[1].inherent, early[0].positions)
    np.testing.assert_array_equal(joined[1].bond_change[:2], early[0].bond_change)
    assert joined[0].known_rows("propensity").tolist() == [False, False, True]
    assert joined[0].runs.tolist() == [0, 0, 32]


def test_particles_in_another_order_are_found(tmp_path, late, rng):
    early = measured("a", TIMES[:2], 16, 2)
    shuffled = early.reordered(rng.permutation(early.size))
    for name, c in (("plain", early), ("shuffled", shuffled)):
        write(tmp_path / name, [c])
        gc.join_labels(late, tmp_path / name, tmp_path / f"joined-{name}")
    one, other = (gc.Dataset.open(tmp_path / f"joined-{n}")[0] for n in ("plain", "shuffled"))
    same(one, other)


def test_files_of_labels_alone_go_by_name_or_positions(tmp_path, late):
    early = measured("a", TIMES[:2], 16, 2)
    arrays = {
        "times": early.times,
        "md_prop": early.propensity,
        "halves": early.propensity_halves,
        "tendency": early.tendency,
    }
    folder = tmp_path / "labels"
    folder.mkdir()
    np.savez(folder / "a.npz", **arrays)
    with pytest.raises(InputError, match="does not tell how many runs") as refusal:
        gc.join_labels(late, folder, tmp_path / "out")
    assert refusal.value.parameter == "runs"
    joined = gc.join_labels(late, folder, tmp_path / "out", runs=16)
    np.testing.assert_array_equal(joined[0].propensity[:2], early.propensity)
    assert joined[0].known_rows("bond_change").tolist() == [False, False, True]
    (folder / "a.npz").unlink()
    np.savez(folder / "other.npz", **arrays)
    with pytest.raises(InputError, match=r"labels: holds labels of no snapshot of late"):
        gc.join_labels(late, folder, tmp_path / "out", runs=16)
    np.savez(folder / "other.npz", **arrays, initial_positions=early.positions + early.box)
    joined = gc.join_labels(late, folder, tmp_path / "out", runs=16)
    np.testing.assert_array_equal(joined[0].tendency[:2], early.tendency)


def test_a_time_that_both_have_is_compared_and_given_by_more_runs(tmp_path, late):
    again = measured("a", TIMES[1:], 48, 3)
    write(tmp_path / "again", [again])
    joined = gc.join_labels(late, tmp_path / "again", tmp_path / "more")
    same(joined[0].at_times([1]), again.at_times([1]))
    assert joined.stages.source == (0, 0)  # "a" has both from the same runs
    assert "sources agree" in joined.sources[-1].remarks[0]
    richer = again.with_fields(tendency=None)
    write(tmp_path / "richer", [richer])
    joined = gc.join_labels(late, tmp_path / "richer", tmp_path / "labels", prefer="labels")
    same(joined[0].at_times([1]), late[0])
    slower = measured("a", TIMES[1:], 48, 3, slow=0.8)
    write(tmp_path / "slower", [slower])
    with pytest.raises(InputError, match=r"at t = 10 the propensities .* times their errors"):
        gc.join_labels(late, tmp_path / "slower", tmp_path / "refused")


def test_joins_are_associative_and_commute(tmp_path, late):
    for k, runs in enumerate((8, 16)):
        write(tmp_path / f"{k}", [measured(n, TIMES[k : k + 1], runs, k + 5) for n in ("a", "bc")])
    first, second = tmp_path / "0", tmp_path / "1"
    at_once = gc.join_labels(late, [first, second], tmp_path / "at once")
    gc.join_labels(late, first, tmp_path / "half")
    in_turn = gc.join_labels(tmp_path / "half", second, tmp_path / "in turn")
    turned = gc.join_labels(first, [second, tmp_path / "late"], tmp_path / "turned")
    for others in (in_turn, turned):
        for one, other in zip(at_once, others, strict=True):
            same(one, other)


def test_compact_labels_stay_within_their_errors(tmp_path, late):
    write(tmp_path / "early", [measured("a", TIMES[:2], 16, 2)])
    joined = gc.join_labels(late, tmp_path / "early", tmp_path / "out", compact=True)
    exact = measured("a", TIMES[:2], 16, 2)
    halves = exact.propensity_halves
    error = np.sqrt(np.mean((halves[0] - halves[1]) ** 2, axis=1)) / 2
    off = np.abs(joined[0].propensity[:2] - exact.propensity).max(axis=1)
    assert np.all(off > 0)
    assert np.all(off <= error / 16)


def test_nothing_to_join_and_stages_are_refused(tmp_path, late):
    with pytest.raises(SettingsError, match="name further labels"):
        gc.join_labels(late, [], tmp_path / "out")
    with pytest.raises(InputError, match="stages by number"):
        gc.join_labels(late.at_stages([1.0]), tmp_path / "late", tmp_path / "out")


def test_scattering_functions_join_where_their_wave_number_is_the_same(tmp_path):
    def told(c, times, q=6.283185, scattering=(0.9, 0.8)):
        relaxation = MeasuredRelaxation(
            q=q, species="A", times=times, scattering=scattering, squared_displacement=(0.1, 0.2)
        )
        return c.with_fields(metadata=c.metadata.changed(relaxation=relaxation))

    late = told(measured("a", TIMES[1:], 32, 1), (1.0, 10.0), scattering=(0.8, 0.3))
    early = told(measured("a", TIMES[:2], 16, 2), (0.1, 1.0), scattering=(0.9, 0.81))
    other = told(measured("a", TIMES[:1], 16, 3), (0.05, 0.1), q=7.2)
    for name, c in (("late", late), ("early", early), ("other", other)):
        write(tmp_path / name, [c])
    parts = [tmp_path / "early", tmp_path / "other"]
    found = gc.join_labels(tmp_path / "late", parts, tmp_path / "out")[0].metadata.relaxation
    assert found.times == (0.1, 1.0, 10.0)
    assert found.scattering == (0.9, 0.8, 0.3)
    assert found.q == 6.283185


def test_the_real_configurations_have_five_times(tmp_path, real_data):
    """Ensembles of another program and of other velocities: they agree within their errors."""
    own, short = real_data / "ka_T0.44_own", real_data / "botan_T0.44_short"
    joined = gc.join_labels(own, short, tmp_path / "joined", runs=32)
    assert joined.times == [0.13, 1.3, 13.0, 130.0]
    assert joined[0].runs.tolist() == [32, 32, 32, 16]
    remarks = joined.sources[-1].remarks
    ratios = [float(r.split("difference is ")[1].split()[0]) for r in remarks if "agree" in r]
    np.testing.assert_allclose(ratios, 1, atol=0.06)
