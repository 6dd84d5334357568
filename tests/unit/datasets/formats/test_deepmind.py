import collections
import copyreg
import os
import pickle
import struct

import numpy as np
import pytest
from format_writers import collect, deepmind_record, make_liquid, real_data, write_pickle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glasscast.datasets.formats.pickles import as_array, read_pickle
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.errors import InputError


@pytest.fixture
def liquid():
    return make_liquid(size=40)


@pytest.mark.parametrize("protocol", range(6))
def test_round_trip_in_every_protocol(tmp_path, liquid, protocol):
    path = write_pickle(tmp_path / "a.pickle", deepmind_record(liquid), protocol)
    (ensemble,) = read_ensembles(path)
    np.testing.assert_array_equal(ensemble.parent.positions, liquid.start)
    np.testing.assert_array_equal(ensemble.parent.types, liquid.types)
    np.testing.assert_array_equal(collect(ensemble), liquid.runs)
    assert ensemble.times.tolist() == liquid.times.tolist()
    assert ensemble.metadata["pressure"] == 2.93


def test_times_are_sorted_and_repeats_dropped(tmp_path, liquid):
    record = deepmind_record(liquid)
    targets = record["trajectory_target_positions"]
    record["time_indices"] = [2, 1, 2]
    record["trajectory_target_positions"] = [targets[1], targets[0], targets[1]]
    (ensemble,) = read_ensembles(write_pickle(tmp_path / "a.pkl", record))
    assert ensemble.times.tolist() == liquid.times.tolist()
    np.testing.assert_array_equal(collect(ensemble), liquid.runs)


def test_one_array_for_all_targets_is_as_good_as_lists(tmp_path, liquid):
    record = deepmind_record(liquid)
    record["trajectory_target_positions"] = np.swapaxes(liquid.runs, 0, 1).copy()
    (ensemble,) = read_ensembles(write_pickle(tmp_path / "a.pkl", record))
    np.testing.assert_array_equal(collect(ensemble), liquid.runs)


@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2", "u8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_come_back_as_numpy_reads_them(tmp_path, dtype, order, protocol):
    array = np.asarray(np.arange(12).reshape(3, 4) % 5, dtype=dtype, order=order)
    got = as_array(read_pickle(write_pickle(tmp_path / "a.pkl", array, protocol)))
    np.testing.assert_array_equal(got, array)
    assert got.dtype == array.dtype


def test_numpy_scalars_are_numbers(tmp_path):
    path = write_pickle(tmp_path / "a.pkl", [np.float64(1.5), np.int32(3)])
    assert read_pickle(path) == [1.5, 3]


def test_configurations_of_two_folders_keep_different_names(tmp_path, liquid):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        write_pickle(tmp_path / split / "aggregated_0.pickle", deepmind_record(liquid))
    ensembles = list(read_ensembles(tmp_path))
    assert [e.name for e in ensembles] == ["test-aggregated_0", "train-aggregated_0"]
    assert [e.metadata["split"] for e in ensembles] == ["test", "train"]


class Touch:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_a_command_is_refused_and_leaves_no_trace(tmp_path, liquid, protocol):
    target = tmp_path / "trace"
    record = deepmind_record(liquid) | {"metadata": Touch(target)}
    path = write_pickle(tmp_path / "evil.pickle", record, protocol)
    with pytest.raises(InputError, match=r"global '(posix|nt)\.system'.*refused"):
        list(read_ensembles(path))
    assert not target.exists()
    pickle.loads(path.read_bytes())  # the file is armed: plain pickle does run it
    assert target.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("numpy", "ndarray.__reduce__"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("numpy.testing._private.utils", "runstring"),
        ("functools", "partial"),
        ("collections", "OrderedDict"),
    ],
)
def test_no_other_global_is_resolved(tmp_path, module, name):
    def text(word):
        return b"\x8c" + struct.pack("B", len(word)) + word.encode()

    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x04" + text(module) + text(name) + b"\x93.")
    with pytest.raises(InputError, match=f"global '{module}.{name}'"):
        read_pickle(path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", "dtype 'O8'"),
        (b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR.", "dtype 'V8'"),
        (b"cnumpy\nndarray\n}S'__code__'\nI1\nsb.", "tries to change a function"),
        (b"c_codecs\nencode\n(S'abc'\nS'rot13'\ntR.", "encoded data"),
        (b"\x82\x01.", "not a pickle"),  # a registered extension
        (b"P1\n.", "not a pickle"),  # a persistent id
    ],
)
def test_forged_building_blocks_are_refused(tmp_path, code, message):
    path = tmp_path / "a.pkl"
    path.write_bytes(code)
    with pytest.raises(InputError, match=message):
        read_pickle(path)


def test_extension_codes_go_through_the_same_gate(tmp_path):
    copyreg.add_extension("os", "getcwd", 240)
    try:
        path = tmp_path / "a.pkl"
        path.write_bytes(b"\x80\x02\x82\xf0)R.")
        with pytest.raises(InputError, match=r"global 'os\.getcwd'"):
            read_pickle(path)
    finally:
        copyreg.remove_extension("os", "getcwd", 240)


def test_object_arrays_are_refused(tmp_path, liquid):
    record = deepmind_record(liquid) | {"types": liquid.types.astype(object)}
    path = write_pickle(tmp_path / "a.pickle", record)
    with pytest.raises(InputError, match="only numbers can be read"):
        list(read_ensembles(path))


def _nested(value):
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"box": None}, "'box': expected numbers"),
        ({"positions": "text"}, "'positions': expected numbers, got str"),
        ({"positions": _nested([])}, "repeats itself beyond reason"),
        ({"time_indices": [1, 7]}, "point past the 3 entries"),
        ({"time_indices": [-1, 1]}, "point past"),
        ({"time_indices": [1]}, "has 2 times, 'time_indices' has 1"),
        ({"time_indices": [0, 1]}, "times must be positive"),
        ({"time_indices": [0.5, 1.0]}, "must be a list of integers"),
        ({"time": [[1.0]]}, "'time' must be a list"),
        ({"trajectory_target_positions": [[], []]}, "holds no trajectory"),
        ({"trajectory_target_positions": [["x"], ["y"]]}, r"\[0\]: expected numbers"),
        ({"trajectory_target_positions": [[np.zeros((3, 3))]] * 2}, "must have shape"),
    ],
)
def test_bad_records(tmp_path, liquid, changes, message):
    path = write_pickle(tmp_path / "a.pickle", deepmind_record(liquid) | changes)
    with pytest.raises(InputError, match=message):
        collect(next(read_ensembles(path)))


def test_missing_key_and_wrong_container(tmp_path, liquid):
    record = deepmind_record(liquid)
    del record["time"]
    with pytest.raises(InputError, match="lacks the key 'time'"):
        list(read_ensembles(write_pickle(tmp_path / "a.pickle", record)))
    with pytest.raises(InputError, match="holds a list, not a dict"):
        list(read_ensembles(write_pickle(tmp_path / "b.pickle", [1])))
    with pytest.raises(InputError, match=r"collections\.Counter"):
        read_pickle(write_pickle(tmp_path / "c.pickle", collections.Counter("ab")))


def test_truncation_anywhere_is_an_input_error(tmp_path, liquid):
    path = write_pickle(tmp_path / "a.pickle", deepmind_record(liquid))
    content = path.read_bytes()
    for length in [*range(0, 60), *range(60, len(content), len(content) // 150)]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="truncated or not a pickle"):
            list(read_ensembles(path))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(junk=st.binary(max_size=60))
def test_junk_raises_nothing_but_input_errors(tmp_path, junk):
    path = tmp_path / "junk.pickle"
    path.write_bytes(b"\x80\x03" + junk)
    with pytest.raises(InputError):
        list(read_ensembles(path))


@pytest.mark.realdata
def test_real_pickle():
    path = real_data("deepmind_test_small.pickle")
    (ensemble,) = read_ensembles(path)
    frames = collect(ensemble)
    assert frames.shape == (30, 10, 20, 3)
    means = np.linalg.norm(frames - ensemble.parent.positions, axis=-1).mean(axis=(0, 2))
    assert np.all(np.diff(means) > 0)  # sorted by time, so by distance too
    assert ensemble.times[6] == pytest.approx(5375.112)  # 1/e, stored last
