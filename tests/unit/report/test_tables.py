"""The benchmark's table in the report: which number, which bold, which source."""

import re

import pytest

from glasscast.evaluation.comparison import MEASURED, Compared, Comparison
from glasscast.report.page import Page
from glasscast.report.sections import comparison_section

PUBLISHED = "published: Somebody et al. (2025)"


def row(model, time=10.0, origin=MEASURED, species="A", **known):
    return Compared(
        model=model, origin=origin, target="propensity", species=species, time=time, **known
    )


def shown(rows, **known):
    """Page of a comparison alone."""
    return Page("t", [comparison_section(Comparison(rows), **known)]).as_html()


def lines(html, number=0):
    """Model -> texts of its cells, in one of the tables."""
    table = re.findall(r"<table.*?</table>", html, re.S)[number]
    found = {}
    for line in re.findall(r'<tr[^>]*><th scope="row">(.*?)</th>(.*?)</tr>', table, re.S):
        found.setdefault(line[0], re.findall(r"<td>(.*?)</td>", line[1]))
    return found


@pytest.fixture
def rows():
    return (
        row("low", 1.0, chi4_true=9.0, chi4_ratio=0.5, chi4_low=0.2, chi4_high=0.9),
        row("high", 1.0, chi4_true=9.0, chi4_ratio=3.0),
        row("lab", 1.0, PUBLISHED, chi4_true=50.0, chi4_ratio=1.25),
        row("low", chi4_true=2.0, chi4_ratio=0.7, pearson_mean=0.5, low=0.4, high=0.6, share=0.625,
            ceiling=0.8, parameters=12.0, fit_seconds=3.14159, smoothness_pearson=0.375),
        row("high", chi4_true=2.0, chi4_ratio=0.9, pearson_mean=0.25, ceiling=0.8),
        row("lab", 10.0, PUBLISHED, pearson_mean=0.75, chi4_true=60.0, chi4_ratio=1.5),
    )  # fmt: skip


def test_scores_near_tau_alpha_and_the_susceptibility_at_its_peak(rows):
    html = shown(rows, tau_alpha=12.0, threshold=0.25)
    main = lines(html)
    assert "t = 10; χ₄ at t = 1, where it is largest" in html
    assert "propensity above 0.25 σ" in html
    assert main["low"] == [
        "<strong>0.500</strong><small>0.400 – 0.600</small>", "–", "62%", "0.375",
        "<strong>0.50</strong><small>0.20 – 0.90</small>",
    ]  # fmt: skip
    assert main["high"] == ["0.250", "–", "–", "–", "3.00"]  # three times too much is farther
    assert main["noise ceiling"][0] == "0.800"
    late = lines(shown(rows[3:], tau_alpha=1.0))
    assert late["high"][-1] == "<strong>0.90</strong>"
    assert "where it is largest" not in shown(rows, tau_alpha=1.0)


def test_published_rows_are_numbered_never_best_and_sourced(rows):
    html = shown(rows, tau_alpha=10.0)
    assert lines(html)["lab [1]"] == ["0.750", "–", "–", "–", "1.25"]
    assert "<ol><li>Somebody et al. (2025)</li></ol>" in html
    assert "<ol>" not in shown(rows[:2])


def test_costs_are_listed_once_a_model_that_has_any(rows):
    tables = re.findall(r"<table.*?</table>", shown(rows), re.S)
    assert len(tables) == 3  # at one time, at all times, costs
    assert lines(tables[2]) == {"low": ["12", "3.14", "–", "–"]}
    assert "What they cost" not in shown(rows[:2])


def test_a_single_time_has_a_single_table_and_nothing_is_nothing(rows):
    html = shown(rows[:2])
    assert html.count("<table") == 1
    assert "At all times" not in html
    assert "<section>" not in shown(())


def test_where_every_ratio_is_zero_none_is_best():
    html = shown((row("a", chi4_true=1.0, chi4_ratio=0.0), row("b", chi4_true=1.0, chi4_ratio=0)))
    assert "<strong>" not in html
