"""What holds of every configuration and dataset in files, whatever is in them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import configuration_bytes, read_configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.fields import FIELDS, LABELS
from glasscast.datasets.files import npz_bytes, read_npz
from glasscast.datasets.metadata import Metadata, upgraded
from glasscast.datasets.records import VERSION
from glasscast.datasets.splits import families, fold_indices
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, ShapeError
from glasscast.evaluation.scores import Evaluation
from glasscast.models.forecast import ModelForecast
from tests.conftest import labelled

ROOT = Path(__file__).parents[3]
FULL_METADATA = {
    "species": ["A", "B"],
    "state_point": {"liquid": "ka", "temperature": 0.44, "pressure": 2.93},
    "units": {
        "style": "metal", "sigma": 3.4, "epsilon": 0.01, "mass": 39.9, "time": 2.1,
        "temperature": 119.8,
    },
    "definitions": {"bonds": 2.0, "strain": 1.6, "bond_breaking": [1.4, 1.7]},
    "origin": {"kind": "reversed", "parent": "d/c", "root": "1b" * 8, "run": 3, "time": 4120.0},
    "equilibrium": {
        "inherent": {"by": "minimisation", "force_tolerance": 1e-8},
        "cage": {"by": "runs", "runs": 8, "time": 4.0, "mean": "at end", "independent": True},
    },
    "relaxation": {
        "q": 7.2, "q_from": "given", "species": "A", "times": [1.0, 10.0],
        "scattering": [0.9, 0.5], "squared_displacement": [0.01, 0.2], "tau_alpha": 20.0,
        "tau_from": "fit",
    },
    "stages": {"by": "scattering", "values": [0.9, 0.5], "q": 7.2, "tau_alpha": 20.0},
    "source": ["a.dump"],
    "fingerprint": "f",
    "records": {"seed": 1},
    "x_mine": {"any": "thing"},
}  # fmt: skip


def keys_of(record, path=()):
    for key, value in record.items():
        yield (*path, key)
        if isinstance(value, dict) and key not in ("records", "x_mine"):
            yield from keys_of(value, (*path, key))


PATHS = [path for path in keys_of(FULL_METADATA) if path != ("x_mine",)]


def changed(path, change):
    """Return the metadata with the value at a path handed to a change of its holder."""
    record = json.loads(json.dumps(FULL_METADATA))
    holder = record
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return record


def retype(holder, key):
    holder[key] = 3.5 if isinstance(holder[key], str | list | dict) else "three"


@st.composite
def configurations(draw) -> Configuration:
    """Small configurations with any fields, rows without labels, ids and arrays of add-ins."""
    d, size, rows = draw(st.sampled_from([2, 3])), draw(st.integers(4, 6)), draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    box = rng.uniform(1, 5, d)
    sizes = {"N": size, "d": d, "T": rows, "E": draw(st.integers(1, 3))}
    known = np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)), dtype=bool)
    fields = {"runs": np.where(known, rng.integers(1, 40, rows), 0)}
    wanted = draw(st.sets(st.sampled_from(LABELS))) if known.any() and size > 1 else set()
    if wanted & {"bonds", "bond_change", "bond_change_halves"}:
        wanted |= {"bond_change"}
        fields["bonds"] = np.stack([np.zeros(sizes["E"]), np.ones(sizes["E"])]).astype(int)
    if "propensity_halves" in wanted:
        wanted |= {"propensity"}
    for key in wanted:
        shape = FIELDS[key].shape
        values = rng.normal(size=[s if isinstance(s, int) else sizes[s] for s in shape])
        np.moveaxis(values, shape.index("T"), 0)[~known] = np.nan
        fields[key] = values
    for key in draw(st.sets(st.sampled_from(["inherent", "cage"]))):
        fields[key] = rng.uniform(0, 1, (size, d)) * box
    if draw(st.booleans()):
        fields["ids"] = np.sort(rng.choice(100, size, replace=False))
    added = {"x_mine": rng.normal(size=(size, 2)), "x_rows": rng.integers(9, size=(rows, size))}
    return Configuration(
        name=draw(st.sampled_from(["c", "a b", "ü-1"])),
        positions=rng.uniform(0, 1, (size, d)) * box,
        types=rng.integers(0, 3, size),
        box=box,
        times=np.cumsum(rng.uniform(0.1, 9, rows)),
        added=added if rows else {"x_mine": added["x_mine"]},
        metadata=Metadata(records={"seed": 1}),
        **fields,
    )


@settings(max_examples=60, deadline=None)
@given(c=configurations())
def test_bytes_to_configuration_to_bytes(tmp_path_factory, c):
    path = tmp_path_factory.mktemp("c") / "c.npz"
    path.write_bytes(configuration_bytes(c))
    again = read_configuration(path)
    assert configuration_bytes(again) == path.read_bytes()
    for key, array in (*c.arrays(), *c.added.items()):
        read = again.added[key] if key.startswith("x_") else getattr(again, key)
        np.testing.assert_array_equal(read, array)


@settings(max_examples=60, deadline=None)
@given(c=configurations(), seed=st.integers(0, 99))
def test_renumbering_changes_nothing_but_the_order(c, seed):
    order = np.random.default_rng(seed).permutation(c.size)
    back = c.reordered(order).reordered(np.argsort(order))
    assert back.checksum() == c.with_fields(ids=back.ids).checksum()
    moved = c.reordered(order)
    np.testing.assert_array_equal(moved.positions, c.positions[order])
    assert (moved.state_point, moved.size) == (c.state_point, c.size)


@settings(max_examples=40, deadline=None)
@given(c=configurations(), data=st.data())
def test_choosing_rows_in_turn_is_choosing_them_at_once(c, data):
    rows = sorted(data.draw(st.sets(st.sampled_from(range(len(c.times) or 1)))))
    if not len(c.times):
        return
    inner = sorted(data.draw(st.sets(st.sampled_from(range(len(rows) or 1))))) if rows else []
    at_once = c.at_times([rows[k] for k in inner])
    assert c.at_times(rows).at_times(inner).checksum() == at_once.checksum()


def test_rows_without_labels_never_move_a_score(rng):
    truth = labelled(rng, "c")
    padded = {
        key: np.insert(getattr(truth, key), 1, np.nan, axis=FIELDS[key].shape.index("T"))
        for key in ("propensity", "propensity_halves")
    }
    gaps = truth.with_fields(times=np.array([1.0, 3.0, 10.0]), runs=[32, 0, 32], **padded)
    values = truth.propensity + rng.normal(size=truth.propensity.shape).astype(np.float32)
    tables = []
    for known, rows in ((truth, [0, 1]), (gaps, [0, 0, 1])):
        f = ModelForecast(configuration=known, model="m", times=known.times, values=values[rows])
        evaluation = Evaluation("d", seed=0)
        evaluation.add(f, known)
        tables.append(evaluation.table())
    assert tables[0].to_json() == tables[1].to_json()


@given(
    members=st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.none() | st.sampled_from("012345")),
        min_size=2,
        max_size=12,
    ),
    seed=st.integers(0, 9),
)
def test_no_family_is_ever_cut_by_a_fold(members, seed):
    found = families(members)
    for (parent, root), family in zip(members, found, strict=True):
        for (other, other_root), others in zip(members, found, strict=True):
            if parent == other or (root is not None and root == other_root):
                assert family == others
    if len(set(found)) < 2:
        return
    folds = fold_indices(found, 2, seed)
    assert sorted(i for fold in folds for i in fold) == list(range(len(found)))
    assert not {found[i] for i in folds[0]} & {found[i] for i in folds[1]}


@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_any_key_of_the_metadata_renamed_or_retyped_is_refused_by_name(path):
    Metadata.checked(FULL_METADATA)
    with pytest.raises(ShapeError, match=path[-1]):
        Metadata.checked(changed(path, retype))
    if path[:-1] != ("equilibrium",):

        def rename(holder, key):
            holder["colour"] = holder.pop(key)

        with pytest.raises(ShapeError, match=f"colour|{path[-1]}"):
            Metadata.checked(changed(path, rename))


def test_a_record_of_version_1_is_upgraded_once():
    old = {
        "liquid": "ka", "temperature": 0.44, "density": 1.2, "tau_alpha": 4120.0, "parent": "p",
        "thermal_copy": {"time": 5.0}, "source": "a", "chain": [0, 1],
        "records": {"production": {"scattering": [0.9], "squared_displacement": [0.1]}, "cage": {}},
    }  # fmt: skip
    once = upgraded(old, (1.0,))
    assert upgraded(once, (1.0,)) == once
    assert Metadata(**once) == Metadata.of(old, (1.0,))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"format": "glasscast dataset"}, "is not a glasscast configuration"),
        ({"version": VERSION + 1}, r"has version 3, .* which reads up to 2"),
        ({"version": "two"}, "'version' must be a whole number"),
        ({"name": None}, "lacks the key 'name'"),
        ({"metadata": None}, "lacks the key 'metadata'"),
        ({"metadata": "[]"}, "must be a JSON object"),
        ({"metadata": "{"}, "'metadata' is not JSON"),
        ({"colour": "red"}, "holds the unknown key 'colour'"),
        ({"x_text": "red"}, "'x_text' is not numbers"),
        ({"x_few": np.zeros(3)}, r"'x_few' must have shape \(N, ...\) or \(T, N, ...\)"),
    ],
    ids=str,
)
def test_headers_and_arrays_of_add_ins_are_checked(tmp_path, rng, header, says):
    arrays = read_npz(configuration_bytes(labelled(rng, "c")))
    arrays |= {key: np.array(value) for key, value in header.items()}
    kept = {key: array for key, array in arrays.items() if array.dtype != object}
    (tmp_path / "c.npz").write_bytes(npz_bytes(kept))
    with pytest.raises(InputError, match=says) as refusal:
        read_configuration(tmp_path / "c.npz")
    assert "c.npz" in str(refusal.value)


def test_arrays_of_add_ins_follow_particles_and_rows(rng):
    c = labelled(rng, "c").with_fields(
        added={"x_size": np.arange(200), "x_rows": np.arange(400).reshape(2, 200)}
    )
    late = c.at_times([1])
    assert late.added["x_rows"].tolist() == [list(range(200, 400))]
    order = rng.permutation(200)
    np.testing.assert_array_equal(c.reordered(order).added["x_size"], order)
    np.testing.assert_array_equal(c.reordered(order).added["x_rows"][1], order + 200)


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ({"species": ["A", "B"]}, {"species": ["Ni", "P"]}, "'species' is"),
        ({"units": FULL_METADATA["units"]},
         {"units": FULL_METADATA["units"] | {"sigma": 3.0}}, "'units' is"),
        ({"definitions": {"bonds": 2.0}}, {"definitions": {"bonds": 1.8}}, "'definitions.bonds'"),
        ({"equilibrium": {"cage": {"by": "monte-carlo"}}},
         {"equilibrium": {"cage": {"by": "runs"}}}, "'equilibrium.cage' is"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_datasets_that_mean_other_things_are_not_joined(tmp_path, rng, one, other, says):
    made = []
    for name, told in (("one", one), ("other", other)):
        c = labelled(rng, name, size=27)
        writer = DatasetWriter(tmp_path / name)
        writer.add(c.with_fields(cage=c.positions, metadata=told), "")
        made.append(writer.finish())
    with pytest.raises(InputError, match=rf"^other: cannot be joined: {says}"):
        Dataset.join(made)


def test_the_table_of_fields_in_the_docs_is_that_of_the_code():
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\(.*?\))` \| (\w+) \| (.*?) \| (.*?) \|$", text, re.M)
    wanted = [
        (key, f"({', '.join(map(str, spec.shape))}{',' * (len(spec.shape) == 1)})",
         np.dtype(spec.dtype).name, spec.unit or "–", spec.meaning)
        for key, spec in FIELDS.items()
    ]  # fmt: skip
    assert rows == wanted
