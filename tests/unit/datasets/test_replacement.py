import os
import re
from contextlib import nullcontext
from dataclasses import fields

import numpy as np
import pytest

from glasscast.datasets.common import Common
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.metadata import Equilibrium
from glasscast.datasets.writer import DatasetWriter, replace_configurations, settle_replacement
from glasscast.errors import InputError
from tests.conftest import labelled


class Stop(BaseException):
    """The end of the process."""


def write(folder, rng):
    writer = DatasetWriter(folder, "liquid")
    for k in range(3):
        writer.add(labelled(rng, f"c{k}"), "print")
    return writer.finish({"train": ["c0", "c1"], "test": ["c2"]})


def with_inherent(dataset, *which):
    for k in which:
        yield dataset[k].with_fields(inherent=dataset[k].positions[::-1])


def contents(folder):
    return {f.name: f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_only_what_is_changed_changes(tmp_path, rng):
    before = write(tmp_path, rng)
    bytes_before = contents(tmp_path)
    after = replace_configurations(tmp_path, with_inherent(before, 0, 2))
    after.verify()
    assert [c.inherent is not None for c in after] == [True, False, True]
    np.testing.assert_array_equal(after[2].inherent, after[2].positions[::-1])
    assert after.splits == before.splits
    for key in (f.name for f in fields(Common) if f.name != "equilibrium"):
        assert getattr(after, key) == getattr(before, key)
    assert after.equilibrium == {"inherent": Equilibrium(by="given")}
    files = [entry.path.name for entry in after.entries]
    assert files[1] == "c1.npz"
    assert re.fullmatch(r"c0\.[0-9a-f]{8}\.npz", files[0])
    assert sorted(contents(tmp_path)) == sorted([*files, "dataset.json"])
    assert contents(tmp_path)["c1.npz"] == bytes_before["c1.npz"]
    # back again gives back every byte
    replace_configurations(tmp_path, (c.with_fields(inherent=None) for c in after))
    back = Dataset.open(tmp_path)
    assert [e.checksum for e in back.entries] == [e.checksum for e in before.entries]


def test_a_dataset_that_was_open_finds_what_took_its_place(tmp_path, rng):
    before = write(tmp_path, rng)
    joined = Dataset.join([before, before])
    replace_configurations(tmp_path, with_inherent(before, 0))
    np.testing.assert_array_equal(before[0].inherent, before[0].positions[::-1])
    assert joined[3].name == "liquid/c0"
    assert joined[3].inherent is not None
    before.verify()


@pytest.mark.parametrize("renames", range(5))
def test_the_dataset_can_be_read_wherever_the_change_is_cut_short(
    tmp_path, rng, monkeypatch, renames
):
    """Three files and the manifest: 4 renames in all; the fifth count is the whole change."""
    before = write(tmp_path, rng)
    count, replace = 0, os.replace

    def counted(source, target):
        nonlocal count
        if count == renames:
            raise Stop
        count += 1
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted)
        with pytest.raises(Stop) if renames < 4 else nullcontext():
            replace_configurations(tmp_path, with_inherent(before, 0, 1, 2))
    left = Dataset.open(tmp_path)
    left.verify()
    assert [c.inherent is not None for c in left] == [renames == 4] * 3
    settle_replacement(tmp_path)
    settled = Dataset.open(tmp_path)
    settled.verify()
    files = [entry.path.name for entry in settled.entries]
    assert sorted(contents(tmp_path)) == sorted([*files, "dataset.json"])
    replace_configurations(tmp_path, with_inherent(settled, 0, 1, 2))
    Dataset.open(tmp_path).verify()


def test_foreign_configurations_and_folders_are_refused(tmp_path, rng):
    with pytest.raises(InputError, match=r"has no dataset\.json"):
        settle_replacement(tmp_path)
    dataset = write(tmp_path, rng)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="holds no configuration 'c9'"):
        replace_configurations(tmp_path, [labelled(rng, "c9")])
    warmer = dataset[0].with_fields(metadata={"temperature": 0.6})
    with pytest.raises(InputError, match="has another state point than 'c0'"):
        replace_configurations(tmp_path, [warmer])
    settle_replacement(tmp_path)
    assert contents(tmp_path) == before
    assert not [f for f in tmp_path.iterdir() if f.is_dir()]
