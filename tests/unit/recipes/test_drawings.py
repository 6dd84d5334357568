"""Every figure is drawn, with every panel and series of the catalogue, and every claim judged.

Forecasts are made up, so that nothing is trained; the data are the sample, given out for each of
the state points of the papers.
"""

from importlib.resources import files

import numpy as np
import pytest

from glasscast.recipes.drawings import drawing_of
from glasscast.recipes.registry import entries
from glasscast.recipes.sheet import ANY, Sheet
from glasscast.workflows.reproduce import chosen_points
from tests.unit.recipes.made_up import made_up_points, material_of

ENTRIES = entries()
#: What the times of the sample cannot give, whatever the temperature: panel -> names.
LACKING = {
    "botan/fig6f": set(),
    "eignn/fig9a": {"t = 1.3", "t = 41200"},
    "eignn/fig9b": {"t = 1.3"},
}


@pytest.fixture(scope="module")
def points():
    return made_up_points(train=2, test=2)


def drawn(name, points):
    entry = ENTRIES[name]
    sheet = Sheet(entry)
    figure = drawing_of(entry)(material_of(chosen_points(entry, points, "sample")), sheet)
    sheet.check()
    return figure, sheet


SINGLE_RUNS = files("glasscast.recipes") / "catalogue" / "single-runs.npz"
#: An embedding of 1600 points takes seconds.
SLOW = {"geo-gnn/fig9a", "geo-gnn/fig9b", "geo-gnn/fig9c"}


def names():
    """Every name; those that are slow, or whose data have not been made, are marked."""
    for name in ENTRIES:
        marks = [pytest.mark.slow] if name in SLOW else []
        if name == "eignn/fig9a" and not SINGLE_RUNS.is_file():
            marks = [pytest.mark.skip(reason="scripts/single_runs.py has not been run")]
        yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", list(names()))
def test_all_of_the_catalogue_is_drawn(name, points):
    figure, sheet = drawn(name, points)
    assert figure.axes
    entry = ENTRIES[name]
    wanted = {(p, s) for p, series in entry.panels.items() for s in series if s != ANY}
    lacking = {panel for panel, _ in sheet.absent}
    assert lacking <= LACKING.get(name, set()), sheet.absent
    assert wanted - set(sheet.absent) <= sheet.drawn()
    assert set(sheet.verdicts) == set(entry.claims)
    for series in sheet.series:
        for column in ("x", "y"):
            values = series.columns.get(column)
            if values is not None:
                assert np.isfinite(values.astype(float)).any(), (series.panel, series.series)


@pytest.mark.parametrize("name", ["geo-gnn/fig5a", "eignn/fig4a", "botan/fig8a"])
def test_numbers_of_others_are_marked_by_their_source(name, points):
    _, sheet = drawn(name, points)
    sources = {series.source for series in sheet.series}
    assert sources == {"ours", "printed" if name.startswith("geo-gnn") else "public"}


@pytest.mark.parametrize("name", ["eignn/fig4a", "eignn/fig6", "botan/fig5", "botan/fig2"])
def test_a_temperature_that_lacks_is_named(name, points):
    alone = [point for point in points if point.temperature == 0.64]
    _, sheet = drawn(name, alone)
    assert sheet.absent
    assert all("0.64 alone" in why or "do not hold T =" in why for why in sheet.absent.values())
