"""Rows of labels by stages of relaxation: written, read back, chosen; columns name each row."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasscast.datasets.configuration_file import configuration_bytes, read_configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.stages import Stages
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, ShapeError
from tests.conftest import labelled

FALLING = (0.9, 0.5, 0.1)


def staged(rng, name, times, values=FALLING):
    """Return a configuration whose rows are taken where F_s has some values."""
    c = labelled(rng, name, times=(1.0, 2.0, 3.0))
    stages = Stages(by="scattering", values=values, q=7.2, q_from="first peak of S(q)")
    return c.with_fields(
        times=np.array(times),
        runs=[30, 30, 30 if np.isfinite(times[-1]) else 0],
        propensity=np.where(np.isfinite(times)[:, None], c.propensity, np.nan),
        propensity_halves=None,
        metadata=c.metadata.changed(stages=stages),
    )


@pytest.fixture
def dataset(tmp_path, rng):
    writer = DatasetWriter(tmp_path / "d")
    for k, times in enumerate(((1.0, 40.0, 900.0), (1.1, 1.1, np.nan), (0.9, 50.0, 800.0))):
        writer.add(staged(rng, f"c{k}", times), "")
    return writer.finish()


def test_times_of_ones_own_are_kept_beside_the_stages(dataset):
    assert dataset.times == list(FALLING)
    assert dataset.stages.times == ((0.9, 1.1), (1.1, 50.0), (800.0, 900.0))
    assert dataset.stages.q_from == "first peak of S(q)"
    np.testing.assert_array_equal(dataset[1].times, [1.1, 1.1, np.nan])
    assert dataset[1].known_rows("propensity").tolist() == [True, True, False]
    assert "stages, F_s(q, t)=3 (0.9 to 0.1)" in repr(dataset)
    record = json.loads((dataset.entries[0].path.parent / "dataset.json").read_text())
    assert record["stages"]["values"] == list(FALLING)


def test_rows_are_chosen_by_the_values_of_their_stages(dataset):
    chosen = dataset.at_times([0.5])
    assert chosen.stages.times == ((1.1, 50.0),)
    assert chosen[0].times.tolist() == [40.0]
    assert chosen[0].stages.values == (0.5,)
    np.testing.assert_array_equal(chosen[2].propensity[0], dataset[2].propensity[1])
    with pytest.raises(InputError, match=r"no F_s\(q, t\) 0.3"):
        dataset.at_times([0.3])
    # choosing rows commutes with choosing configurations
    one, other = chosen.subset(["c2"])[0], dataset.subset(["c2"]).at_times([0.5])[0]
    assert one.checksum() == other.checksum()


def test_stages_that_differ_or_are_mixed_with_times_are_refused(tmp_path, rng):
    writer = DatasetWriter(tmp_path / "d")
    writer.add(staged(rng, "a", (1.0, 2.0, 3.0)), "")
    with pytest.raises(InputError, match="'times' is"):
        writer.add(staged(rng, "b", (1.0, 2.0, 3.0), values=(0.9, 0.5, 0.2)), "")
    with pytest.raises(InputError, match=r"'(stages|times)' is"):
        writer.add(labelled(rng, "c", times=(1.0, 2.0, 3.0)), "")


def test_a_manifest_that_says_other_rows_than_the_file_is_refused(dataset):
    path = dataset.entries[0].path.parent / "dataset.json"
    record = json.loads(path.read_text())
    record["stages"] = {"by": "time", "values": [1.0, 40.0, 900.0]}
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"c0\.npz: has rows by scattering, .* says by time"):
        Dataset.open(path.parent)[0]


@pytest.mark.parametrize("times", [(3.0, 1.0, 4.0), (-1.0, 1.0, 4.0)])
def test_times_of_stages_must_not_fall(rng, times):
    c = labelled(rng, "c", times=(1.0, 2.0, 3.0))
    stages = Stages(by="scattering", values=FALLING)
    with pytest.raises(ShapeError, match="times"):
        c.with_fields(times=np.array(times), metadata=c.metadata.changed(stages=stages))


def test_stages_are_read_back_from_the_file_itself(tmp_path, rng):
    c = staged(rng, "c", (1.0, 1.0, np.nan))
    (tmp_path / "c.npz").write_bytes(configuration_bytes(c))
    again = read_configuration(tmp_path / "c.npz")
    assert again.stages == c.stages
    assert configuration_bytes(again) == configuration_bytes(c)


@given(
    by=st.sampled_from(["time", "scattering", "tau_alpha", "number"]),
    values=st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=8, unique=True),
)
def test_label_and_row_are_one_to_one(by, values):
    stages = Stages(by=by, values=tuple(sorted(values, reverse=by == "scattering")))
    assert len(set(stages.labels)) == len(values)
    numbers = [float(label[1:].replace("p", ".")) for label in stages.labels]
    assert [np.argmin(np.abs(np.array(stages.values) - n)) for n in numbers] == list(
        range(len(values))
    )
    assert all(label[0] == stages.labels[0][0] and "." not in label for label in stages.labels)


def test_labels_are_those_of_the_tables():
    cases = {"time": "t4120", "scattering": "s0p5", "tau_alpha": "a0p1", "number": "n7"}
    for by, label in cases.items():
        value = float(label[1:].replace("p", "."))
        assert Stages(by=by, values=(value,)).labels == (label,)
