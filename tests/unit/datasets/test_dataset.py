import json
import os
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.configuration_file import read_configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.files import npz_bytes, read_npz, write_atomically
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError
from tests.conftest import labelled


def write(folder: Path, count: int = 4, seed: int = 0, **kwargs) -> Dataset:
    rng = np.random.default_rng(seed)
    writer = DatasetWriter(folder)
    for k in range(count):
        writer.add(labelled(rng, f"c{k}", **kwargs), f"print{k}")
    return writer.finish({"train": ["c0", "c1"], "test": [f"c{k}" for k in range(2, count)]})


def test_what_is_written_is_read(tmp_path):
    dataset = write(tmp_path / "d")
    original = labelled(np.random.default_rng(0), "c0")
    again = dataset[0]
    assert dataset.names == ["c0", "c1", "c2", "c3"]
    assert again.state_point.temperature == 0.5
    for key, array in original.arrays():
        np.testing.assert_array_equal(getattr(again, key), array)


def test_equal_content_gives_equal_bytes(tmp_path):
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    assert [e.checksum for e in first.entries] == [e.checksum for e in second.entries]


def test_splits_subsets_and_times(tmp_path):
    dataset = write(tmp_path / "d")
    assert dataset.split("test").names == ["c2", "c3"]
    assert dataset[1:3].names == ["c1", "c2"]
    late = dataset.at_times([10.0])
    np.testing.assert_array_equal(late[2].times, [10.0])
    assert late.subset(["c1"])[0].propensity.shape == (1, 200)
    with pytest.raises(InputError, match="no split 'valid'; its splits: train, test"):
        dataset.split("valid")
    with pytest.raises(InputError, match="no time 3; its times: 1, 10"):
        dataset.at_times([3.0])
    with pytest.raises(InputError, match="no configuration 'x'"):
        dataset.subset(["x"])


def test_joined_datasets_keep_both_and_tell_equal_names_apart(tmp_path):
    cold, hot = write(tmp_path / "cold"), write(tmp_path / "hot", seed=1, times=(2.0, 3.0))
    joined = Dataset.join([cold, hot])
    assert joined.names[0] == "cold/c0"
    assert joined[4].name == "hot/c0"
    np.testing.assert_array_equal(joined[4].times, [2.0, 3.0])
    assert joined.times == []
    rows = joined.at_times([1.0, 2.0])
    assert rows.times == [1.0, 2.0]
    assert [c.known_rows("propensity").tolist() for c in (rows[0], rows[4])] == [
        [True, False],
        [False, True],
    ]


def test_an_altered_byte_is_found(tmp_path):
    dataset = write(tmp_path / "d")
    path = dataset.entries[1].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    reopened = Dataset.open(tmp_path / "d")
    with pytest.raises(InputError, match=r"c1\.npz: differs from the checksum"):
        reopened[1]
    with pytest.raises(InputError, match="differs from the checksum"):
        reopened.verify()


def test_a_truncated_or_missing_file_is_found_on_opening(tmp_path):
    dataset = write(tmp_path / "d")
    path = dataset.entries[0].path
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"c0\.npz: has \d+ bytes, not the"):
        Dataset.open(tmp_path / "d")
    path.unlink()
    with pytest.raises(InputError, match=r"c0\.npz: is named in dataset.json but missing"):
        Dataset.open(tmp_path / "d")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "zip"}, r"is not a glasscast dataset \('format' is 'zip'\)"),
        ({"version": 99}, "has version 99, written by glasscast"),
        ({"configurations": [{"name": "a"}]}, r"configurations\.0\.file"),
    ],
)
def test_a_strange_manifest_is_refused(tmp_path, change, message):
    write(tmp_path / "d")
    path = tmp_path / "d" / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        Dataset.open(tmp_path / "d")


def test_a_manifest_cannot_reach_outside_its_folder(tmp_path):
    write(tmp_path / "d")
    path = tmp_path / "d" / "dataset.json"
    path.write_text(path.read_text().replace('"c0.npz"', '"../secret.npz"'))
    with pytest.raises(InputError, match=r"configurations\.0\.file"):
        Dataset.open(tmp_path / "d")


def test_an_unfinished_folder_says_so(tmp_path):
    writer = DatasetWriter(tmp_path / "d")
    writer.add(labelled(np.random.default_rng(0), "a"), "x")
    with pytest.raises(InputError, match=r"unfinished import with 1 .* run the same"):
        Dataset.open(tmp_path / "d")
    with pytest.raises(InputError, match="is not a folder"):
        Dataset.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match="without configurations"):
        DatasetWriter(tmp_path / "e").finish()


def test_a_rerun_keeps_what_is_there_and_makes_anew_what_changed(tmp_path):
    write(tmp_path / "d")
    writer = DatasetWriter(tmp_path / "d")
    assert writer.has("c0", "print0")
    assert not writer.has("c1", "other settings")
    assert not writer.has("c9", "print9")
    (tmp_path / "d" / "c2.npz").write_bytes(b"half")
    assert not writer.has("c2", "print2")


def test_at_constant_pressure_each_configuration_has_its_density(tmp_path):
    rng = np.random.default_rng(0)

    def at(name, density, **told):
        found = labelled(rng, name)
        wider = found.box * (found.density / density) ** (1 / 3)
        return found.with_fields(box=wider, metadata={"temperature": 0.5, **told})

    writer = DatasetWriter(tmp_path / "d")
    for name, density in (("a", 1.19), ("b", 1.1)):
        writer.add(at(name, density, pressure=2.93), name)
    made = writer.finish()
    assert made.state_point.density == (1.1, 1.19)
    assert made.state_point.pressure == 2.93
    assert [c.state_point.density[0] for c in made] == [1.19, 1.1]
    fixed = DatasetWriter(tmp_path / "e")
    fixed.add(at("a", 1.19), "a")
    with pytest.raises(InputError, match=r"mixes state points: 'density' is 1\.19 for a but 1\.1"):
        fixed.add(at("b", 1.1), "b")


def test_state_points_are_not_mixed(tmp_path):
    writer = DatasetWriter(tmp_path / "d")
    rng = np.random.default_rng(0)
    writer.add(labelled(rng, "a"), "x")
    other = labelled(rng, "b")
    with pytest.raises(
        InputError, match=r"mixes state points: 'temperature' is 0\.5 for a but 0\.9"
    ):
        writer.add(other.with_fields(metadata={"temperature": 0.9}), "y")
    with pytest.raises(InputError, match="mixes state points: 'times'"):
        writer.add(labelled(rng, "c", times=(1.0, 2.0)), "z")
    with pytest.raises(InputError, match="two configurations are named 'a'"):
        writer.add(labelled(rng, "a"), "x")


def test_names_cannot_escape_the_folder(tmp_path):
    writer = DatasetWriter(tmp_path / "d")
    with pytest.raises(InputError, match="cannot name a file"):
        writer.add(labelled(np.random.default_rng(0), "../a"), "x")


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    dataset = write(tmp_path / "d")
    before = dataset.entries[0].path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"c0\.npz: cannot be written \(No space left on device\)"):
        write_atomically(dataset.entries[0].path, b"new")
    assert dataset.entries[0].path.read_bytes() == before
    assert not list((tmp_path / "d").glob(".*"))


def test_leftovers_of_a_killed_run_are_cleared(tmp_path):
    write(tmp_path / "d")
    leftover = tmp_path / "d" / ".c0.npz.123.partial"
    leftover.write_bytes(b"half")
    DatasetWriter(tmp_path / "d")
    assert not leftover.exists()


def test_python_objects_in_an_npz_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, positions=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="holds Python objects"):
        read_npz(path)


@pytest.mark.parametrize("keep", [0, 1, 4, 30, 200, -1])
def test_a_truncated_npz_is_refused(tmp_path, keep):
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes({"x": np.arange(100.0)})[:keep])
    with pytest.raises(InputError, match=r"a\.npz: is truncated or not an npz file"):
        read_npz(path)


def test_missing_and_unknown_keys_are_named(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes({"x": np.arange(3.0)}))
    with pytest.raises(InputError, match="lacks the key 'positions'; it holds x"):
        read_configuration(path)
    configuration = write(tmp_path / "d").entries[0].path
    arrays = read_npz(configuration)
    path.write_bytes(npz_bytes({**arrays, "velocity": np.zeros(3)}))
    with pytest.raises(InputError, match="unknown key 'velocity'"):
        read_configuration(path)
