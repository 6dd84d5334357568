"""TensorFlow checkpoints, read without TensorFlow."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasscast.errors import InputError
from glasscast.models.foreign import read_foreign
from glasscast.models.tensor_bundle import read_bundle

#: Written by the Saver of TensorFlow 2.21: a (2, 3) and a (3,) array, a number, a counter (int64).
INDEX = base64.b64decode(
    "AAAGCAEaAggBAAkPR3JhcGgvYS9iCAESBBICCAMoDDWelwdACAEVdwgBEggSAggCEgIIAyAMKBg1TcnANwYFDXNjYWxl"
    "CAESACAkKAQ1BjgnHwALDWdsb2JhbF9zdGVwCAkSACAoKAg1u9efEQAAAAABAAAAACH/IQ0AAAAAAQAAAADA8qGwAAEC"
    "aAB1AAAAAAEAAAAAMGsg/3oIhwEOAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABX+4CLJHVH2w=="
)
DATA = base64.b64decode("AACAvwAAAAAAAABAAAAAAAAAgD4AAAA/AABAPwAAgD8AAKA/AAAAPwcAAAAAAAAA")


def written(folder, index=INDEX, data=DATA):
    (folder / "w.ckpt.data-00000-of-00001").write_bytes(data)
    path = folder / "w.ckpt.index"
    path.write_bytes(index)
    return path


def test_the_variables_of_single_precision_by_name(tmp_path):
    found = read_bundle(written(tmp_path))
    assert list(found) == ["Graph/a/b", "Graph/a/w", "Graph/scale"]
    np.testing.assert_array_equal(found["Graph/a/w"], [[0, 0.25, 0.5], [0.75, 1, 1.25]])
    np.testing.assert_array_equal(found["Graph/a/b"], [-1, 0, 2])
    assert found["Graph/scale"] == 0.5
    assert found["Graph/scale"].shape == ()
    assert all(array.flags.writeable for array in found.values())


def test_names_as_in_an_npz(tmp_path):
    assert set(read_foreign(written(tmp_path))) == {"Graph|a|b", "Graph|a|w", "Graph|scale"}


def test_data_that_end_early_name_the_variable(tmp_path):
    with pytest.raises(InputError, match=r"00001: does not hold 'Graph/a/w' as the index says"):
        read_bundle(written(tmp_path, data=DATA[:20]))


@pytest.mark.parametrize("length", range(0, len(INDEX), 7))
def test_an_index_that_ends_early_is_refused(tmp_path, length):
    with pytest.raises(InputError, match="is no index of a TensorFlow checkpoint"):
        read_bundle(written(tmp_path, index=INDEX[:length]))


@given(st.integers(0, len(INDEX) - 1), st.integers(1, 255))
def test_a_changed_byte_never_ends_in_another_error(tmp_path_factory, at, change):
    folder = tmp_path_factory.getbasetemp() / "changed"
    folder.mkdir(exist_ok=True)
    index = bytearray(INDEX)
    index[at] ^= change
    try:
        found = read_bundle(written(folder, index=bytes(index)))
    except InputError:
        return
    assert sum(array.nbytes for array in found.values()) < 10 * len(DATA)


def test_one_of_the_two_files_is_absent(tmp_path):
    path = written(tmp_path)
    path.with_suffix(".data-00000-of-00001").unlink()
    with pytest.raises(InputError, match="00001: cannot be read"):
        read_bundle(path)
