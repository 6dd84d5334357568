"""Kept results: whole, and made from the settings that are asked for."""

import numpy as np
import pytest

from glasscast.datasets.files import npz_bytes
from glasscast.datasets.kept import fingerprint_of, is_kept, keep, read_kept
from glasscast.errors import InputError


def test_a_result_is_kept_for_its_fingerprint_alone(tmp_path):
    path = tmp_path / "a.npz"
    assert not is_kept(path, "one")
    keep(path, "one", {"x": np.arange(3)}, {"note": [1.5]})
    assert is_kept(path, "one")
    assert not is_kept(path, "two")
    arrays, record = read_kept(path, ("x",))
    assert arrays.keys() == {"x"}
    assert arrays["x"].tolist() == [0, 1, 2]
    assert record == {"note": [1.5]}
    with pytest.raises(InputError, match="lacks the key 'y'"):
        read_kept(path, ("y",))
    path.write_bytes(path.read_bytes()[:100])
    assert not is_kept(path, "one")


def test_files_of_others_are_no_results(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes({"fingerprint": np.array(3.0), "record": np.array(["{"])}))
    assert not is_kept(path, "3.0")
    with pytest.raises(InputError, match="garbles the key 'record'"):
        read_kept(path)


def test_the_order_of_what_decides_a_result_does_not_matter():
    assert fingerprint_of({"a": 1, "b": [2]}) == fingerprint_of({"b": [2], "a": 1})
    assert fingerprint_of({"a": 1}) != fingerprint_of({"a": 1.0})
