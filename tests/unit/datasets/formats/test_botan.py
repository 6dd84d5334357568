import numpy as np
import pytest
from format_writers import collect, make_liquid, real_data, write_botan

from glasscast.datasets.formats.botan import read_botan
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError


@pytest.fixture
def liquid():
    liquid = make_liquid(size=260)
    liquid.box[:] = (260 / 1.2) ** (1 / 3)
    return liquid


def test_tags_of_a_configuration_become_one_ensemble_with_ascending_times(tmp_path, liquid):
    write_botan(tmp_path / "a", liquid, 1, tag=7)
    write_botan(tmp_path / "b", liquid, 0, tag=2)
    (ensemble,) = read_botan(tmp_path, ReadOptions())
    assert ensemble.times.tolist() == [1.3, 4120]
    np.testing.assert_array_equal(collect(ensemble), liquid.runs)
    np.testing.assert_array_equal(ensemble.parent.types, liquid.types)
    np.testing.assert_allclose(ensemble.parent.box, (260 / 1.2) ** (1 / 3))
    assert ensemble.metadata["temperature"] == 0.44
    assert not ensemble.wrapped


def test_numbers_sort_naturally(tmp_path, liquid):
    for number in (10, 2, 1):
        write_botan(tmp_path, liquid, 0, tag=7, number=number)
    assert [e.name for e in read_botan(tmp_path, ReadOptions())] == [
        f"N260T0.44_{k}" for k in (1, 2, 10)
    ]


def test_frames_can_be_streamed_twice(tmp_path, liquid):
    write_botan(tmp_path, liquid, 0, tag=7)
    (ensemble,) = read_botan(tmp_path, ReadOptions())
    np.testing.assert_array_equal(collect(ensemble), collect(ensemble))


def test_times_and_density_may_be_given(tmp_path, liquid):
    write_botan(tmp_path, liquid, 0, tag=3)
    (ensemble,) = read_botan(tmp_path, ReadOptions(tags={3: 5.5}, density=1.0))
    assert ensemble.times.tolist() == [5.5]
    np.testing.assert_allclose(np.prod(ensemble.parent.box), 260)


def test_tags_must_agree(tmp_path, liquid):
    write_botan(tmp_path, liquid, 0, tag=2)
    write_botan(tmp_path, liquid, 1, tag=7, initial_positions=liquid.start + 0.1)
    with pytest.raises(InputError, match=r"tc07.*'initial_positions' differs from .*tc02"):
        next(read_botan(tmp_path, ReadOptions()))


def test_tags_must_hold_equally_many_runs(tmp_path, liquid):
    write_botan(tmp_path, liquid, 0, tag=2)
    write_botan(tmp_path, liquid, 1, tag=7, positions=liquid.runs[:2, 1])
    (ensemble,) = read_botan(tmp_path, ReadOptions())
    with pytest.raises(InputError, match=r"holds 2 trajectories, .* holds 3"):
        collect(ensemble)


def test_one_tag_twice_is_refused(tmp_path, liquid):
    for folder in ("a", "b"):
        write_botan(tmp_path / folder, liquid, 0, tag=7)
    with pytest.raises(InputError, match="same configuration and tag"):
        next(read_botan(tmp_path, ReadOptions()))


def _nan(array):
    broken = array.copy()
    broken.reshape(-1)[7] = np.nan
    return broken


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"types": None}, "lacks the key 'types'"),
        ({"positions": None}, "lacks the key 'positions'"),
        ({"types": lambda q: q.types + 0.0}, "'types' must hold integers"),
        ({"types": lambda q: q.types[:-1]}, r"'types' must have shape \(260,\)"),
        ({"types": lambda q: q.types - 1}, "count species from 0"),
        ({"initial_positions": lambda q: _nan(q.start)}, "not finite for particle 2"),
        ({"initial_positions": lambda q: q.start.astype(str)}, "must hold numbers"),
        ({"initial_positions": lambda q: q.start * 1e4}, "outside any box"),
        ({"initial_positions": lambda q: q.start[:0], "types": lambda q: q.types[:0]}, r"\(N, 2"),
        ({"positions": lambda q: _nan(q.runs[:, 0])}, "trajectory 0' is not finite"),
        ({"positions": lambda q: q.runs[:, 0, :-1]}, "must have shape"),
        ({"positions": lambda q: q.runs[:0, 0]}, "holds no trajectory"),
        ({"positions": lambda q: q.runs[0, 0]}, r"shape \(trajectories, N, d\)"),
        ({"positions": lambda q: q.runs[:, 0] + 1e4}, "outside any box"),
        ({"positions": lambda q: q.runs[:, 0].astype(object)}, "Python objects"),
        ({"types": lambda q: q.types.astype(object)}, "Python objects"),
    ],
)
def test_bad_arrays_are_named(tmp_path, liquid, changes, message):
    other = {k: v(liquid) if callable(v) else v for k, v in changes.items()}
    write_botan(tmp_path, liquid, 0, tag=7, **other)
    with pytest.raises(InputError, match=message):
        collect(next(read_botan(tmp_path, ReadOptions())))


def test_unknown_tag_temperature_and_name(tmp_path, liquid):
    path = write_botan(tmp_path, liquid, 0, tag=11)
    with pytest.raises(InputError, match="tc11 has no time"):
        next(read_botan(path, ReadOptions()))
    warm = path.rename(tmp_path / "isoconfig_N260T0.47_1_tc07.npz")
    with pytest.raises(InputError, match=r"no time table for ka at T = 0.47"):
        next(read_botan(warm, ReadOptions()))
    untagged = warm.rename(tmp_path / "N260T0.44_1.npz")
    with pytest.raises(InputError, match="no time tag"):
        next(read_botan(untagged, ReadOptions()))
    nameless = untagged.rename(tmp_path / "mine.npz")
    with pytest.raises(InputError, match="file name tells neither"):
        next(read_botan(nameless, ReadOptions()))


def test_empty_and_missing_folder(tmp_path):
    with pytest.raises(InputError, match=r"holds no \.npz file"):
        next(read_botan(tmp_path, ReadOptions()))
    with pytest.raises(InputError, match="does not exist"):
        next(read_botan(tmp_path / "nowhere", ReadOptions()))


def test_truncation_anywhere_is_an_input_error(tmp_path, liquid):
    path = write_botan(tmp_path, liquid, 0, tag=7)
    content = path.read_bytes()
    for length in [*range(0, 40), *range(40, len(content), len(content) // 97)]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"tc07\.npz: "):
            collect(next(read_ensembles(path)))


def test_lost_images_are_reported_with_the_mend(tmp_path, liquid):
    path = write_botan(tmp_path, liquid, 0, tag=7, positions=liquid.folded()[:, 0])
    with pytest.raises(InputError, match=r"particle 0 jumps .*lost their periodic images"):
        collect(next(read_botan(path, ReadOptions())))
    (ensemble,) = read_botan(path, ReadOptions(wrapped=True))
    truth = np.linalg.norm(liquid.runs[:, 0] - liquid.start, axis=-1).mean(axis=0)
    np.testing.assert_allclose(reduce_ensemble(ensemble).propensity[0], truth, rtol=1e-5)


@pytest.mark.realdata
def test_real_files_at_the_alpha_time():
    folder = real_data("botan_T0.44")
    ensembles = list(read_ensembles(folder))
    assert [e.name.rpartition("_")[2] for e in ensembles] == [str(k) for k in range(1, 11)]
    first = ensembles[0]
    assert first.times.tolist() == [4120]
    np.testing.assert_array_equal(np.bincount(first.parent.types), [3277, 819])
    lengths = np.linalg.norm(collect(first) - first.parent.positions, axis=-1)
    assert lengths.shape == (32, 1, 4096)
    assert lengths.mean() == pytest.approx(0.81113, abs=1e-5)


def test_a_box_in_the_file_is_obeyed_and_makes_it_no_other_format(tmp_path):
    """With a box key, and in three dimensions, it is still the Kob-Andersen liquid."""
    liquid = make_liquid(side=8.0)
    path = write_botan(tmp_path, liquid, 0, tag=7, box=liquid.box)
    (ensemble,) = read_ensembles(path)
    np.testing.assert_allclose(ensemble.parent.box, liquid.box)
    assert ensemble.metadata["liquid"] == "ka"
    assert ensemble.metadata["density"] == pytest.approx(60 / np.prod(liquid.box), abs=1e-6)
    np.testing.assert_allclose(collect(ensemble), liquid.runs[:, :1])
    (cubic,) = read_ensembles(path, options=ReadOptions(density=0.12))
    np.testing.assert_allclose(cubic.parent.box, (60 / 0.12) ** (1 / 3))
