"""Published scores are facts with a source, and stand apart from ours in every table."""

import csv
import math

import pytest

from glasscast.errors import SettingsError
from glasscast.evaluation.comparison import MEASURED, Cost, compare
from glasscast.evaluation.published import all_published, published_scores
from glasscast.evaluation.score_table import Score, ScoreTable
from glasscast.evaluation.smoothness_scores import SmoothnessScore
from glasscast.evaluation.susceptibility import SusceptibilityScore


def score(metric, value, **changes):
    row = {
        "model": "ours", "dataset": "d", "target": "propensity", "species": "A", "time": 4120.0,
        "metric": metric, "value": value, "low": 0.4, "high": 0.6, "ceiling": 0.9,
        "share": value / 0.9, "n_configurations": 10, "n_particles": 100,
    }  # fmt: skip
    return Score(**(row | changes))


def table(**changes):
    return ScoreTable(
        (score("pearson_mean", 0.5, **changes), score("pearson_pooled", 0.55, **changes))
    )


def test_every_published_score_has_a_citation_and_a_possible_value():
    assert len(all_published()) == 976
    for row in all_published():
        assert row.citation
        assert -1 <= row.value <= 1 or row.metric.startswith(("chi4", "parameters"))


def test_the_tables_of_the_papers_are_in_it():
    scores = published_scores("GlassBench-KA3D", 0.44)
    cage = {
        row.time: row.value
        for row in scores
        if row.model == "CAGE" and row.metric == "pcc_all_md_A"
    }
    assert cage["13"] == pytest.approx(0.90, abs=0.005)
    assert cage["4120"] == pytest.approx(0.78, abs=0.005)
    with pytest.raises(SettingsError, match=r"known: Bapst-KA3D at 0\.44"):
        published_scores("GlassBench-KA3D", 0.45)


def test_published_rows_follow_ours_only_where_they_are_comparable():
    literature = published_scores("GlassBench-KA3D", 0.44)
    costs = {"ours": Cost(521, 12.5, 0.25, 700)}
    found = compare(table(), costs, literature)
    first, *others = found.rows
    assert (first.origin, first.parameters, first.peak_mb) == (MEASURED, 521, 700)
    assert first.share == pytest.approx(0.5 / 0.9)
    assert {row.model for row in others} >= {"CAGE", "GlassMLP", "BOTAN"}
    assert all(row.origin.startswith("published: ") for row in others)
    assert all(math.isnan(row.fit_seconds) for row in others)
    for apart in ({"species": "B"}, {"time": 5.0}, {"target": "nonaffine"}):
        assert len(compare(table(**apart), costs, literature).rows) == 1


def test_published_rows_by_stage_are_found_by_the_value_of_the_scattering_function():
    """Table I of Geo-GNN: at S = 1/e, and by nobody at t = 1/e."""
    literature = published_scores("Bapst-KA3D", 0.44)
    ours = table(time=math.exp(-1), by="scattering")
    found = {row.model: row for row in compare(ours, {}, literature).rows[1:]}
    assert found["LR"].pearson_mean == 0.623
    assert found["Geo-GNN 1 layer distance-only"].pearson_mean == 0.634
    assert "pressure 2.93, not density 1.2" in found["LR"].origin
    assert (found["Geo-GNN"].parameters, found["GNN-Bapst"].parameters) == (30274, 70721)
    assert math.isnan(found["LR"].parameters)
    assert len(compare(table(time=math.exp(-1)), {}, literature).rows) == 1
    assert compare(table(time=0.8, by="scattering"), {}, literature).rows[1:]


def test_published_models_that_were_trained_elsewhere_say_so():
    literature = published_scores("GlassBench-KA3D", 0.44)
    names = {row.label for row in literature if row.measures == ("pearson_pooled", "propensity")}
    elsewhere = {name for name in names if "trained at T = 0.64" in name}
    assert elsewhere
    assert not any("trained at T = 0.44" in name for name in names)
    rows = compare(table(), {}, literature).rows
    assert elsewhere & {row.model for row in rows} or all(r.time != 4120.0 for r in rows)


def test_published_bond_breaking_stands_beside_ours():
    literature = published_scores("GlassBench-KA2D", 0.30)
    rows = compare(table(target="bond_breaking", time=1781.79), {}, literature).rows[1:]
    assert rows
    assert all(row.target == "bond_breaking" for row in rows)
    assert max(row.pearson_pooled for row in rows) > 0.5


def susceptibility(model="ours", species="A", time=4120.0, true=8.0, predicted=2.0, interval=True):
    low, high = (0.125, 0.5) if interval else (math.nan, math.nan)
    return SusceptibilityScore(
        model=model, target="propensity", species=species, time=time, true=true,
        predicted=predicted, ratio=predicted / true, low=low, high=high, n_configurations=10,
        threshold=0.3,
    )  # fmt: skip


def test_smoothness_and_susceptibility_stand_with_their_model_species_and_time():
    scores = table() + table(species="B") + table(model="other") + table(time=5.0)
    found = compare(
        scores,
        {},
        smoothness=[SmoothnessScore("ours", "propensity", 4120.0, 0.61, 0.3, 0.1, 10)],
        susceptibility=[susceptibility(), susceptibility(species="B", predicted=16.0)],
    )
    rows = {(row.model, row.species, row.time): row for row in found.rows}
    mine = rows["ours", "A", 4120.0]
    assert mine.smoothness_pearson == 0.61
    assert (mine.chi4_true, mine.chi4_predicted, mine.chi4_ratio) == (8.0, 2.0, 0.25)
    assert (mine.chi4_low, mine.chi4_high) == (0.125, 0.5)
    assert (mine.low, mine.high) == (0.4, 0.6)
    assert rows["ours", "B", 4120.0].chi4_ratio == 2.0
    assert math.isnan(rows["ours", "B", 4120.0].smoothness_pearson)
    for key in (("other", "A", 4120.0), ("ours", "A", 5.0)):
        assert math.isnan(rows[key].chi4_ratio)
        assert math.isnan(rows[key].smoothness_pearson)


def test_published_susceptibilities_are_laid_over_the_published_simulation():
    literature = published_scores("GlassBench-KA3D", 0.44)
    at_peak = {row.model: row for row in compare(table(time=1300.0), {}, literature).rows}
    assert "simulation" not in at_peak
    assert at_peak["BOTAN"].chi4_true == pytest.approx(43.3, abs=0.05)
    assert at_peak["BOTAN"].chi4_ratio == pytest.approx(6.959 / 43.305, rel=1e-3)
    assert at_peak["SE3-GNN"].chi4_ratio > 1
    assert {"Jiang et al.", "Jung et al."} == {
        name for name in ("Jiang et al.", "Jung et al.") if name in at_peak["BOTAN"].origin
    }
    assert at_peak["BOTAN"].pearson_pooled > 0.5  # one row holds all that is known of a model
    assert math.isnan(at_peak["EIGNN_Cage"].chi4_ratio)
    late = {row.model: row for row in compare(table(time=130000.0), {}, literature).rows}
    assert late["BOTAN"].chi4_true == 0
    assert math.isnan(late["BOTAN"].chi4_ratio)


def test_the_three_formats_say_the_same(tmp_path):
    found = compare(table(model="a_b|c"), {}, published_scores("GlassBench-KA3D", 0.44))
    for suffix in ("csv", "md", "tex"):
        found.write(tmp_path / f"c.{suffix}")
    rows = list(csv.DictReader((tmp_path / "c.csv").open()))
    assert rows[0]["model"] == "a_b|c"
    assert rows[0]["parameters"] == ""
    assert len(rows) == len(found.rows)
    markdown = (tmp_path / "c.md").read_text().splitlines()
    assert len(markdown) == 2 + len(rows)
    assert "0.500 (0.400 to 0.600)" in markdown[2]
    assert r"a\_b\|c" in markdown[2]
    latex = (tmp_path / "c.tex").read_text()
    assert latex.count(r"\\") == 1 + len(rows)
    assert latex.count("published") == len(rows) - 1
    assert len({line.count(" & ") for line in latex.splitlines() if " & " in line}) == 1
    with pytest.raises(SettingsError, match="written as"):
        found.write(tmp_path / "c.txt")


def test_what_is_not_known_is_a_dash_or_an_empty_cell():
    scores = table() + table(model="other")
    found = compare(
        scores, {}, susceptibility=[susceptibility(), susceptibility("other", interval=False)]
    )
    first, second = found.to_markdown().splitlines()[2:]
    assert "| – | 0.25 (0.12 to 0.50) |" in first
    assert "| – | 0.25 |" in second
    rows = list(csv.DictReader(found.to_csv().splitlines()))
    assert [row["chi4_ratio"] for row in rows] == ["0.25", "0.25"]
    assert [row["chi4_low"] for row in rows] == ["0.125", ""]
    assert rows[0]["smoothness_pearson"] == ""
