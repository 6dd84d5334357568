"""Figures drawn end to end from the bundled sample, with all that the catalogue names."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from typer.testing import CliRunner

import glasscast as gc
from glasscast.cli import app
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import SettingsError
from glasscast.evaluation.correlation import pearson
from glasscast.models.forecast import ModelForecast
from glasscast.recipes.caption import caption_of
from glasscast.recipes.curves import printed_scores, public_scores
from glasscast.recipes.maps import slab
from glasscast.recipes.registry import entries
from glasscast.recipes.scoring import correlations
from glasscast.recipes.sheet import Sheet
from glasscast.runtime import Workspace
from glasscast.workflows.figure_trainings import Bench
from glasscast.workflows.reproduce import draw_one, points_of
from tests.conftest import random_liquid
from tests.unit.recipes.made_up import material_of

#: Of structure and truth alone, or with models that are fitted in seconds.
CHEAP = ("geo-gnn/supptable1", "geo-gnn/supptable2", "eignn/table1")


@pytest.fixture(scope="module")
def point():
    return points_of([])[0]


def counted(folder, entry):
    """Series of the numbers that the catalogue names, those told as missing included."""
    with (folder / "numbers.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {(r["panel"], r["series"]) for r in rows if r["source"] in ("ours", "absent")}
    wanted = {(p, s) for p, series in entry.panels.items() for s in series if s != "*"}
    return found, wanted


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Folder, and what was drawn into it."""
    folder = tmp_path_factory.mktemp("figures")
    return folder, gc.reproduce(CHEAP, folder)


def test_figures_are_drawn_with_all_that_belongs_to_them(drawn):
    folder, results = drawn
    assert {r.name for r in results} == set(CHEAP)
    for result in results:
        entry = entries()[result.name]
        assert {p.name for p in result.folder.iterdir()} == {
            "figure.png",
            "figure.pdf",
            "numbers.csv",
            "caption.md",
            "claims.json",
        }
        found, wanted = counted(result.folder, entry)
        assert wanted <= found
        record = json.loads((result.folder / "claims.json").read_text())
        assert [c["number"] for c in record["claims"]] == list(entry.claims)
        text = (result.folder / "caption.md").read_text()
        for claim in entry.claims.values():
            assert claim in text
        assert "**Data.**" in text
        assert str(folder) not in text
    names = [r["name"] for r in csv.DictReader((folder / "claims.csv").open())]
    assert set(names) == {"geo-gnn/supptable1", "eignn/table1"}


def test_a_figure_without_its_data_ends_with_an_error(tmp_path):
    with pytest.raises(SettingsError, match=r"boattini/fig3a: the data hold none.*hard spheres"):
        gc.reproduce("boattini/fig3a", tmp_path)
    assert not (tmp_path / "boattini").exists()


def test_a_figure_of_which_the_data_hold_nothing_is_refused(tmp_path):
    late = replace(points_of([])[0], tau_alpha=1e6)
    entry = entries()["botan/fig6c"]
    result = draw_one(
        entry, [late], Bench(tmp_path / "trainings", "sample", Workspace(1)), tmp_path
    )
    assert result.folder is None
    assert result.lacking == (
        "T = 0.64: nothing can be drawn: no time of the data is near this one",
    )
    assert not (tmp_path / "botan").exists()


def test_reasons_of_the_sample_are_not_told_of_other_data(point):
    entry = entries()["geo-gnn/supptable1"]
    told = [
        caption_of(judged, material_of([where]), entry.recipe.title)
        for where in (point, replace(point, folders=(Path("mine"),)))
        for judged in [unseen(entry)]
    ]
    reason = entry.recipe.reasons["sample"][1]
    assert reason[1:] in told[0]
    assert reason[1:] not in told[1]


def unseen(entry):
    sheet = Sheet(entry)
    sheet.decide(1, False, "0")
    return sheet


@pytest.mark.parametrize(("count", "tested"), [(20, 4), (10, 4), (6, 3), (2, 1), (1, 1)])
def test_without_splits_more_than_a_fifth_of_few_is_tested_on(tmp_path, rng, count, tested):
    writer = DatasetWriter(tmp_path / "few", "few")
    for number in range(count):
        positions, types, box = random_liquid(rng, 64)
        writer.add(gc.Configuration.from_arrays(positions, types, box, name=f"c{number}"), "")
    writer.finish()
    (found,) = points_of([tmp_path / "few"])
    assert len(found.test) == tested
    assert len(found.train) == (count - tested or 1)


def test_counts_of_the_graph_are_those_of_another_search(drawn, point):
    with (drawn[0] / "geo-gnn" / "supptable1" / "numbers.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["source"] == "ours" and r["x"] == "1.25"]
    found = {r["series"]: float(r["y"]) for r in rows}
    edges, triplets = [], []
    for c in point.tested:
        tree = cKDTree(c.positions, boxsize=c.box)
        degree = tree.query_ball_point(c.positions, 1.25, return_length=True) - 1
        edges.append(degree.mean())
        triplets.append((degree * (degree - 1)).mean())
    assert found["edges"] == pytest.approx(np.mean(edges))
    assert found["triplets"] == pytest.approx(np.mean(triplets))


def test_correlations_are_those_of_each_configuration_and_of_all(point, rng):
    forecasts = [
        ModelForecast(
            configuration=c,
            model="noisy",
            times=c.times,
            values=c.propensity + rng.normal(0, 0.1, c.propensity.shape).astype(np.float32),
        )
        for c in point.tested
    ]
    found = correlations(forecasts, point)
    mine = [c.types == 0 for c in point.tested]
    each = [
        pearson(f.values[2, m], c.propensity[2, m])
        for f, c, m in zip(forecasts, point.tested, mine, strict=True)
    ]
    np.testing.assert_allclose(found.each[2], each)
    pooled = pearson(
        np.concatenate([f.values[2, m] for f, m in zip(forecasts, mine, strict=True)]),
        np.concatenate([c.propensity[2, m] for c, m in zip(point.tested, mine, strict=True)]),
    )
    assert found.pooled[2] == pytest.approx(pooled)
    assert found.jackknife[2].mean() == pytest.approx(pooled, abs=0.01)


def test_stages_and_times_are_matched(point):
    assert point.stage(0.8).time == 0.52
    assert point.stage(float(np.exp(-1))).time == 16.5
    assert point.stage(0.1).time == 33.0
    assert point.at(4120, 4120).time == 16.5
    assert point.at(130, 4120).time == 0.52
    assert point.at(130000, 4120) is None


def test_a_slab_beyond_the_box_is_placed_anew_at_equal_thickness(point):
    sheet = Sheet(entries()["geo-gnn/fig12"])
    shown = point.tested[0]
    inside = slab(shown, 11.04, 13.04, sheet)
    z = shown.positions[inside, 2]
    assert np.ptp(z) < 2.0
    assert abs(z.mean() - shown.box[2] / 2) < 0.2
    assert "reaches past the box side" in sheet.remarks[0]
    assert not slab(shown, 3.9, 5.1, sheet)[shown.positions[:, 2] > 5.1].any()
    assert len(sheet.remarks) == 1


def test_printed_and_public_numbers_are_found():
    stages, values = printed_scores("Geo-GNN")
    assert dict(zip(stages.round(2), values, strict=True))[0.8] == 0.798
    assert len(stages) == 9
    times, values = public_scores(0.44, "pcc_mean_md_A", "BOTAN")
    assert dict(zip(times, values, strict=True))[4120.0] == pytest.approx(0.752, abs=5e-4)


def test_the_list_names_every_figure():
    shown = CliRunner().invoke(app, ["reproduce", "--list"], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    assert "79 names" in shown.output
    for name in entries():
        assert f" {name} " in shown.output


def test_a_scale_that_is_not_there_is_refused():
    found = CliRunner().invoke(app, ["reproduce", "geo-gnn/fig1a", "--scale", "letter"])
    assert "there is no scale 'letter'" in str(found.exception)
    assert found.exception.parameter == "scale"


@pytest.mark.slow
def test_every_figure_is_drawn_from_the_sample(tmp_path):
    """An hour of two cores; what the sample cannot stand for is named."""
    results = gc.reproduce((), tmp_path)
    assert len(results) == 79
    missing = {r.name for r in results if r.folder is None}
    hard = {"boattini/fig3a", "boattini/fig3b", "boattini/suppfig3", "boattini/suppfig4"}
    assert missing == {"geo-gnn/fig5b", "botan/fig8b", *hard}
    for result in results:
        if result.folder is not None:
            found, wanted = counted(result.folder, entries()[result.name])
            assert wanted <= found, result.name
