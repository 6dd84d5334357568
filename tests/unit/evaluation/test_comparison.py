"""Published scores are facts with a source, and stand apart from ours in every table."""

import csv
import math

import pytest

from glasscast.errors import SettingsError
from glasscast.evaluation.comparison import MEASURED, Cost, compare
from glasscast.evaluation.published import all_published, published_scores
from glasscast.evaluation.score_table import Score, ScoreTable


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
    assert len(all_published()) == 968
    for row in all_published():
        assert row.citation
        assert -1 <= row.value <= 1 or row.metric.startswith("chi4")


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
    with pytest.raises(SettingsError, match="written as"):
        found.write(tmp_path / "c.txt")
