"""Forecasts of others are scored on the configurations that ours are scored on."""

from dataclasses import replace

import numpy as np
import pytest

import glasscast as gc
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, SettingsError
from tests.conftest import random_liquid

TIMES = np.array([0.032, 0.1, 0.165, 0.52, 1.65, 5.2, 16.5, 52.0, 165.0, 520.0])
LINE = {"name": "lr", "order": 0, "descriptors": "radial", "penalties": [1.0], "folds": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four configurations, labelled at the published times of T = 0.64."""
    folder = tmp_path_factory.mktemp("set")
    writer = DatasetWriter(folder / "data", "data")
    for number in range(1, 5):
        rng = np.random.default_rng(number)
        positions, types, box = random_liquid(rng, 96)
        made = gc.Configuration.from_arrays(
            positions, types, box, name=f"N96T0.64_{number}", liquid="ka", temperature=0.64
        )
        mobility = rng.random((len(TIMES), 96)).astype(np.float32)
        runs = np.full(len(TIMES), 32, dtype=np.int32)
        writer.add(replace(made, times=TIMES, runs=runs, propensity=mobility), "")
    return writer.finish()


def glassbench(folder, data, number, order=None, **arrays):
    """Write what a test file of GlassBench holds of a configuration."""
    c = data[number]
    order = np.arange(c.size) if order is None else order
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / f"{c.name}.npz",
        types=c.types[order] + 1,
        initial_positions=c.positions[order],
        md_prop=c.propensity[:, order],
        bb_prop=c.propensity[:, order],
        **{key: of(c, order) for key, of in arrays.items()},
    )


def perfect(c, order):
    return c.propensity[:, order][:, c.types[order] == 0].astype(np.float64)


def test_predictions_in_glassbench_files_stand_beside_ours(tmp_path, data):
    shuffled = np.random.default_rng(0).permutation(96)
    for number in range(4):
        glassbench(
            tmp_path / "test",
            data,
            number,
            shuffled,
            BOTAN=perfect,
            DEN=lambda c, order: c.positions[order][c.types[order] == 0, 0],
        )
    asked = {
        "data": {"datasets": [data.entries[0].path.parent], "times": [5.2, 16.5]},
        "models": {"LR": LINE},
        "forecasts": {"files": [tmp_path / "test"]},
        "published": {"dataset": "GlassBench-KA3D", "temperature": 0.64},
        "folds": 2,
    }
    result = gc.benchmark(asked, tmp_path / "b", report=False)
    rows = result.scores.select(model="BOTAN [GlassBench]", metric="pearson_mean")
    assert [(row.species, row.time) for row in rows] == [("A", 5.2), ("A", 16.5)]
    assert all(row.value == pytest.approx(1) for row in rows)
    assert all(row.n_configurations == 4 for row in rows)
    (field,) = result.scores.select(
        model="DEN [GlassBench]", metric="pearson_pooled", time=5.2, species="A"
    )
    assert abs(field.value) < 0.2
    compared = {row.model: row.origin for row in result.comparison.rows if row.time == 16.5}
    assert compared["LR"] == "this run"
    assert compared["BOTAN [GlassBench]"].startswith("forecasts of others")
    assert compared["BOTAN"].startswith("published")  # the printed number, apart


def test_label_only_files_are_forecasts_of_the_model_that_their_folder_names(tmp_path, data):
    folder = tmp_path / "mine"
    folder.mkdir()
    for c in data:
        np.savez(folder / f"{c.name}.npz", times=TIMES[3:5], md_prop=-c.propensity[3:5])
    model = gc.new_model(**LINE).fit(list(data)[:2])
    table = gc.evaluate(model, data, forecasts=folder)
    mine = table.select(model="mine", metric="pearson_mean")
    assert {row.species for row in mine} == {"A", "B"}
    assert all(row.value == pytest.approx(-1) for row in mine)
    assert {row.time for row in mine} == {0.52, 1.65}
    assert len(table.select(model="lr"))
    folder.rename(tmp_path / "lr")  # as ours is called
    with pytest.raises(SettingsError, match="called 'lr', as one of the models is"):
        gc.evaluate(model, data, forecasts=tmp_path / "lr")


def test_forecasts_of_others_are_of_all_scored_configurations(tmp_path, data):
    model = gc.new_model(**LINE).fit(list(data)[:2])
    glassbench(tmp_path / "test", data, 0, BOTAN=perfect)
    with pytest.raises(InputError, match="forecasts of 1 of 4 configurations"):
        gc.evaluate(model, data, forecasts=tmp_path / "test")
    assert gc.evaluate(model, data.subset([data.names[0]]), forecasts=[tmp_path / "test"])
    with pytest.raises(InputError, match="hold no forecast of a configuration of"):
        gc.evaluate(model, data.subset([data.names[1]]), forecasts=[tmp_path / "test"])
    np.savez(tmp_path / "N96T0.64_2.npz", times=TIMES, md_prop=np.zeros((10, 4)))
    with pytest.raises(InputError, match="forecasts 4 particles"):
        gc.evaluate(model, data.subset([data.names[1]]), forecasts=tmp_path / "N96T0.64_2.npz")
    asked = {
        "data": {"datasets": [data.entries[0].path.parent], "configurations": data.names[2:]},
        "test": {"datasets": [data.entries[0].path.parent], "configurations": data.names[:1]},
        "models": {"BOTAN [GlassBench]": LINE},
        "forecasts": {"files": [tmp_path / "test"]},
    }
    with pytest.raises(SettingsError, match="models"):  # a label names a folder: no brackets
        gc.benchmark(asked)


def test_published_transfers_stand_in_the_report_of_a_transfer(tmp_path):
    """FIG6 of GlassBench at its relaxation times; not at other times, nor for other data sets."""
    points = {}
    for temperature, tau in ((0.64, 16.5), (0.56, 52.0)):
        writer = DatasetWriter(tmp_path / f"T{temperature}", f"T{temperature}")
        for number in range(3):
            rng = np.random.default_rng(number)
            positions, types, box = random_liquid(rng, 64)
            made = gc.Configuration.from_arrays(
                positions,
                types,
                box,
                name=f"N64T{temperature}_{number}",
                liquid="ka",
                temperature=temperature,
            )
            mobility = rng.random((2, 64)).astype(np.float32)
            writer.add(
                replace(made, times=np.array([1.0, tau]), runs=[32, 32], propensity=mobility), ""
            )
        names, folder = writer.finish().names, tmp_path / f"T{temperature}"
        points[f"T={temperature}"] = {
            "train": {"datasets": [folder], "configurations": names[:2]},
            "test": {"datasets": [folder], "configurations": names[2:]},
        }
    asked = {"state_points": points, "models": {"LR": LINE}}
    asked |= {"published": "GlassBench-KA3D", "stages": [0.1, 1.0]}
    gc.transfer(asked, tmp_path / "t")
    page = (tmp_path / "t" / "report.html").read_text()
    assert "Published transfers" in page
    assert "BOTAN, trained at T = 0.44" in page
    assert "tested at T = 0.56, t = 52" in page
    assert "Nat. Rev. Phys. (2025)" in page
    assert "Dotted and grey: published" in page  # in the figure, between the temperatures of ours
    with pytest.raises(SettingsError, match="no transfer was published on 'Bapst-KA3D'"):
        gc.transfer(asked | {"published": "Bapst-KA3D"}, tmp_path / "u")
