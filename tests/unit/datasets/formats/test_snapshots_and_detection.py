import numpy as np
import pytest
from format_writers import (
    make_liquid,
    write_botan,
    write_dumps,
    write_each,
    xyz_text,
)

from glasscast.datasets.formats.registry import detect, read_ensembles, read_snapshot
from glasscast.errors import InputError, SettingsError


@pytest.fixture
def liquid():
    return make_liquid()


def test_every_format_is_recognised_and_gives_the_same_folded_snapshot(tmp_path, liquid):
    for name, format_name in write_each(tmp_path, liquid).items():
        assert detect(tmp_path / name) == format_name
        (got,) = read_snapshot(tmp_path / name)
        difference = got.positions - liquid.start
        difference -= liquid.box * np.round(difference / liquid.box)
        np.testing.assert_allclose(difference, 0, atol=4e-6, err_msg=name)
        np.testing.assert_array_equal(got.types, liquid.types, err_msg=name)
        np.testing.assert_allclose(got.box, liquid.box, rtol=1e-6, err_msg=name)


def test_a_folder_gives_all_its_snapshots(tmp_path, liquid):
    write_each(tmp_path, liquid)
    assert [c.name for c in read_snapshot(tmp_path)] == ["a", "b", "c", "d", "e", "mine", "g"]


def test_two_snapshots_of_one_name_are_refused(tmp_path, liquid):
    text = xyz_text(liquid.start, liquid.types, liquid.box)
    for name in ("a.xyz", "a.extxyz"):
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="second snapshot named 'a'"):
        read_snapshot(tmp_path)


def test_frames_are_numbered_and_tags_counted_once(tmp_path, liquid):
    path = write_dumps(tmp_path / "runs", liquid) / "run0.dump"
    assert [c.name for c in read_snapshot(path)] == ["run0-0", "run0-1", "run0-2"]
    for tag in (2, 7):
        write_botan(tmp_path / "botan", liquid, 0, tag)
    (got,) = read_snapshot(tmp_path / "botan")
    np.testing.assert_allclose(got.density, 1.2)
    assert got.state_point.temperature == 0.44


def test_own_files_keep_what_they_know(tmp_path, liquid):
    write_each(tmp_path, liquid)
    (got,) = read_snapshot(tmp_path / "f.npz")
    assert got.metadata.records == {"x": 1}


def test_box_from_density_or_not_at_all(tmp_path, liquid):
    path = tmp_path / "mine.npz"
    np.savez(path, positions=liquid.start, types=liquid.types)
    with pytest.raises(InputError, match="lacks the key 'box'; add it, or give the number density"):
        read_snapshot(path)
    (got,) = read_snapshot(path, density=0.5)
    np.testing.assert_allclose(got.box, (60 / 0.5) ** (1 / 3))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"positions": np.zeros((4, 3))}, "lacks the key 'types'"),
        ({"positions": np.zeros((4, 4)), "types": np.zeros(4, int)}, r"\(N, 2 or 3\)"),
        ({"positions": np.zeros((0, 3)), "types": np.zeros(0, int)}, r"\(N, 2 or 3\)"),
        (
            {"positions": np.full((4, 3), 999.0), "types": np.zeros(4, int), "box": np.ones(3)},
            "outside any box",
        ),
        ({"spins": np.zeros(4)}, "of no known format from its keys spins"),
    ],
)
def test_bad_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_snapshot(tmp_path / "a.npz")


def test_unknown_format_and_bare_snapshots_as_ensembles(tmp_path, liquid):
    write_each(tmp_path, liquid)
    with pytest.raises(SettingsError, match="unknown format 'pdb'; known: glassbench-models, "):
        next(read_ensembles(tmp_path, "pdb"))
    with pytest.raises(InputError, match=r"bare snapshot \(npz\)"):
        next(read_ensembles(tmp_path / "f.npz"))
