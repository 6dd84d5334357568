"""dataset.json: what is written is read back; whatever is garbled is refused by its key."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasscast.datasets.manifest import VERSION, Manifest, read_manifest
from glasscast.errors import InputError

SAMPLE = Path(__file__).parents[3] / "src" / "glasscast" / "datasets" / "sample" / "dataset.json"
SHA = "885f" * 16
FULL = {
    "format": "glasscast dataset",
    "version": 2,
    "written_by": "glasscast 0.2.0",
    "name": "bapst-T0.44",
    "dimension": 3,
    "species": ["A", "B"],
    "state_point": {
        "liquid": "ka-cut",
        "temperature": 0.44,
        "pressure": 2.93,
        "density": [1.20296, 1.20318],
        "composition": [[0.80005, 0.80005], [0.19995, 0.19995]],
    },
    "units": {
        "style": "metal",
        "sigma": 3.405,
        "epsilon": 0.010324,
        "mass": 39.948,
        "time": 2.1563,
        "temperature": 119.8,
    },
    "stages": {
        "by": "scattering",
        "values": [0.9, 0.367879, 0.1],
        "times": [[0.132, 0.132], [5375.1, 5890.0], [23204.0, 25100.0]],
        "q": 7.2,
        "q_from": "first peak of S(q)",
        "species": "A",
        "tau_alpha": 5632.5,
        "tau_from": "1/e",
        "scattering": [0.9, 0.3679, 0.1],
        "source": [0, 0, 1],
    },
    "definitions": {"bonds": 2.0, "strain": 1.6, "bond_breaking": [1.4, 1.7]},
    "equilibrium": {
        "inherent": {"by": "minimisation", "force_tolerance": 1e-8},
        "cage": {"by": "runs", "runs": 8, "time": 4.0, "mean": "at end", "independent": True},
    },
    "splits": {"train": ["aggregated_0"], "test": ["aggregated_1"]},
    "sources": [{"how": "import", "files": 2, "runs": [30, 30]}, {"how": "join"}],
    "configurations": [
        {
            "name": "aggregated_0",
            "root": "1b" * 8,
            "file": "aggregated_0.npz",
            "bytes": 1,
            "sha256": SHA,
            "kind": "reversed",
            "parent": "other/aggregated_7",
            "trajectories": {"file": "aggregated_0.npz", "bytes": 3, "sha256": SHA},
        },
        {"name": "aggregated_1", "file": "aggregated_1.npz", "bytes": 1, "sha256": SHA},
    ],
}
#: Keys that may be absent: what they hold is then unknown or its default.
OPTIONAL = {
    "written_by", "units", "definitions", "equilibrium", "splits", "sources", "liquid",
    "temperature", "pressure", "density", "composition", "times", "q", "q_from", "species",
    "tau_alpha", "tau_from", "scattering", "source", "bonds", "strain", "bond_breaking", "root",
    "kind", "parent", "trajectories", "inherent", "cage", "force_tolerance", "runs", "time", "mean",
    "independent", "train", "test", "by", "values", "files",
}  # fmt: skip


def keys_of(record, path=()):
    for key, value in record.items() if isinstance(record, dict) else enumerate(record):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from keys_of(value, (*path, key))


def inside(record, path):
    for part in path:
        record = record[part]
    return record


def dotted(path):
    return ".".join(map(str, path))


PATHS = [p for p in keys_of(FULL) if isinstance(p[-1], str)]
#: In the records of sources everything but `how` is free.
FIXED = [p for p in PATHS if p[0] != "sources" or p[-1] == "how"]


def written(tmp_path, record):
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def test_every_key_is_read_back(tmp_path):
    manifest = read_manifest(written(tmp_path, FULL))
    again = read_manifest(written(tmp_path, manifest.to_json()))
    assert again == manifest
    assert manifest.to_json() == FULL | {
        "configurations": [FULL["configurations"][0], FULL["configurations"][1]]
    }


@pytest.mark.parametrize("path", FIXED, ids=dotted)
def test_a_renamed_key_is_refused_by_name(tmp_path, path):
    if path[:-1] in (("splits",), ("equilibrium",)):
        pytest.skip("a name of the user's, or refused as a choice")
    record = copy.deepcopy(FULL)
    holder = inside(record, path[:-1])
    holder["colour"] = holder.pop(path[-1])
    with pytest.raises(InputError, match=f"colour|{path[-1]}"):
        read_manifest(written(tmp_path, record))


@pytest.mark.parametrize("path", FIXED, ids=dotted)
def test_a_key_of_another_type_is_refused_by_name(tmp_path, path):
    record = copy.deepcopy(FULL)
    value = inside(record, path)
    holder = inside(record, path[:-1])
    holder[path[-1]] = 3.5 if isinstance(value, str | list | dict) else "three"
    with pytest.raises(InputError, match=str(path[-1])):
        read_manifest(written(tmp_path, record))


@pytest.mark.parametrize("path", [p for p in FIXED if p[-1] not in OPTIONAL], ids=dotted)
def test_a_missing_key_is_refused_by_name(tmp_path, path):
    record = copy.deepcopy(FULL)
    del inside(record, path[:-1])[path[-1]]
    with pytest.raises(InputError, match=str(path[-1])):
        read_manifest(written(tmp_path, record))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 3}, "has version 3, written by glasscast 0.2.0; this is glasscast"),
        ({"version": True}, "'version' must be a whole number"),
        ({"format": "a cake"}, "is not a glasscast dataset"),
        ({"species": ["A", "A"]}, "'species' names one twice"),
        ({"species": ["A:1", "B"]}, "species.0"),
        ({"dimension": 4}, "dimension"),
        ({"splits": {"train": ["nobody"]}}, "split 'train' names 'nobody'"),
        ({"splits": {"a": ["aggregated_0"], "b": ["aggregated_0"]}}, "in the splits 'a' and 'b'"),
        ({"configurations": [FULL["configurations"][1]] * 2, "splits": {}}, "names one twice"),
    ],
)
def test_what_does_not_agree_is_refused(tmp_path, changes, says):
    with pytest.raises(InputError, match=says):
        read_manifest(written(tmp_path, FULL | changes))


@pytest.mark.parametrize("file", ["../a.npz", "/etc/passwd", ".hidden", "", "a\x00b", "a\\b"])
def test_a_file_lies_in_the_folder(tmp_path, file):
    record = copy.deepcopy(FULL)
    record["configurations"][0]["file"] = file
    with pytest.raises(InputError, match=r"configurations\.0\.file"):
        read_manifest(written(tmp_path, record))


def test_keys_of_add_ins_are_carried_along(tmp_path):
    manifest = read_manifest(written(tmp_path, FULL | {"x_mine": {"a": 1}}))
    assert manifest.to_json()["x_mine"] == {"a": 1}


def test_version_1_is_upgraded_once():
    manifest = read_manifest(SAMPLE)
    assert manifest.version == VERSION
    assert manifest.species == ("A", "B")
    assert manifest.stages.values == (0.1, 0.52, 1.65, 5.2, 16.5, 33.0)
    assert manifest.stages.tau_alpha == 16.5
    assert manifest.state_point.liquid == "ka"
    assert len(manifest.configurations) == 20
    assert Manifest(**manifest.to_json()) == manifest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(PATHS), value=JSON)
def test_any_value_anywhere_is_read_or_refused_in_one_line(tmp_path_factory, path, value):
    record = copy.deepcopy(FULL)
    inside(record, path[:-1])[path[-1]] = value
    file = written(tmp_path_factory.mktemp("m"), record)
    problem = None
    try:
        read_manifest(file)
    except InputError as error:
        problem = str(error)
    assert problem is None or (problem.startswith(str(file)) and "\n" not in problem)
