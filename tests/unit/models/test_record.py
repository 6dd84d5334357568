"""model.json: what a model says of itself is read back; what version 1 said is upgraded."""

import json

import numpy as np
import pytest

import glasscast as gc
from glasscast.datasets.stages import Stages
from glasscast.errors import InputError, ModelError
from glasscast.models.files import RECORD, read_record, upgraded
from glasscast.models.registry import load_model, new_model
from tests.conftest import labelled

SETTINGS = {"order": 0, "descriptors": "radial", "penalties": (1.0,), "folds": 2}


def staged(rng, name, times, temperature=0.44):
    stages = Stages(by="scattering", values=(0.9, 0.5), q=7.2, q_from="first peak of S(q)")
    c = labelled(rng, name, times=(1.0, 2.0))
    point = {"liquid": "ka", "temperature": temperature}
    return c.with_fields(
        times=np.array(times), metadata={"stages": stages.model_dump(exclude_none=True), **point}
    )


@pytest.fixture
def by_stage(rng):
    data = [staged(rng, f"c{k}", (1.0 + k / 10, 40.0 + k)) for k in range(3)]
    data.append(staged(rng, "hot", (0.5, 4.0), temperature=0.6))
    return new_model("lr", **SETTINGS).fit(data)


def test_stages_and_their_times_at_each_state_point_are_kept(tmp_path, by_stage, rng):
    by_stage.save(tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    assert record["version"] == 2
    assert record["species"] == ["A", "B"]
    assert record["stages"] == {
        "by": "scattering", "values": [0.9, 0.5], "q": 7.2, "q_from": "first peak of S(q)",
    }  # fmt: skip
    cold, hot = record["state_points"]
    assert cold["times"] == [[1.0, 1.2], [40.0, 42.0]]
    assert hot["times"] == [[0.5, 0.5], [4.0, 4.0]]
    again = load_model(tmp_path)
    assert again.stages_ == by_stage.stages_
    assert again.state_points_ == by_stage.state_points_
    assert "F_s(q, t) = 0.9, 0.5" in repr(again)


def test_a_forecast_by_stage_tells_the_times_of_its_state_point(tmp_path, by_stage, rng):
    snapshot = labelled(rng, "new").with_fields(
        times=np.empty(0), propensity=None, propensity_halves=None,
        metadata={"liquid": "ka", "temperature": 0.44},
    )  # fmt: skip
    forecast = gc.predict(by_stage, snapshot)
    assert forecast.stages.labels == ("s0p9", "s0p5")
    assert forecast.spans == ((1.0, 1.2), (40.0, 42.0))
    assert "times of training there=1 to 1.2; 40 to 42" in repr(forecast)
    forecast.write(tmp_path / "f.npz")
    with np.load(tmp_path / "f.npz") as stored:
        record = json.loads(str(stored["record"]))
    assert record["times"] == [[1.0, 1.2], [40.0, 42.0]]
    assert record["model"]["identity"] == by_stage.trained_on_["identity"]
    elsewhere = snapshot.with_fields(metadata={"liquid": "ka", "temperature": 0.5})
    assert not any(gc.predict(by_stage, elsewhere).spans)


def test_rows_of_another_kind_are_refused(by_stage, rng):
    with pytest.raises(ModelError, match=r"labels at t = .* before it at F_s\(q, t\) = \[0.9"):
        by_stage.labels_to_score(labelled(rng, "by time"))


def test_version_1_says_the_same_and_newer_ones_are_refused(tmp_path):
    model = new_model("lr", **SETTINGS).fit([labelled(np.random.default_rng(0), "c")])
    model.save(tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    old = {k: v for k, v in record.items() if k not in ("stages", "reads")}
    points = [{k: v for k, v in p.items() if k != "times"} for p in record["state_points"]]
    old |= {"version": 1, "species": [0, 1], "times": [1.0, 10.0], "state_points": points}
    assert upgraded(old) == {**record, "stages": {"by": "time", "values": [1.0, 10.0]}}
    (tmp_path / RECORD).write_text(json.dumps(old))
    assert read_record(tmp_path) == upgraded(old)
    assert load_model(tmp_path).times_.tolist() == [1.0, 10.0]
    (tmp_path / RECORD).write_text(json.dumps(record | {"version": 3}))
    with pytest.raises(InputError, match="has version 3, written by glasscast"):
        load_model(tmp_path)


@pytest.mark.parametrize("key", ["species", "stages", "state_points", "dimension"])
def test_a_key_that_is_gone_or_of_another_type_is_named(tmp_path, rng, key):
    new_model("lr", **SETTINGS).fit([labelled(rng, "c")]).save(tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    for garbled in ({k: v for k, v in record.items() if k != key}, record | {key: 0.5}):
        (tmp_path / RECORD).write_text(json.dumps(garbled))
        if key == "dimension" and key in garbled:
            continue
        with pytest.raises(InputError):
            load_model(tmp_path)
