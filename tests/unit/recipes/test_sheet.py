"""Claims are judged by intervals; what is neither drawn nor named as missing is refused."""

import numpy as np
import pytest

from glasscast.errors import ShapeError
from glasscast.recipes.registry import entries
from glasscast.recipes.sheet import Sheet, half_width


@pytest.fixture
def sheet():
    return Sheet(entries()["geo-gnn/fig7a"])


@pytest.mark.parametrize(
    ("samples", "outcome"),
    [
        ([0.1, 0.11, 0.09], "seen"),
        ([-0.1, -0.11, -0.09], "not seen"),
        ([0.1, -0.11, 0.02], "not resolved"),
        ([0.1], "not resolved"),
        ([np.nan, np.nan], "not resolved"),
    ],
)
def test_a_difference_is_judged_by_its_interval(sheet, samples, outcome):
    sheet.judge(1, samples, "a less b")
    assert sheet.verdicts[1].outcome == outcome
    assert sheet.verdicts[1].evidence.startswith("a less b")


def test_several_differences_are_seen_if_each_is(sheet):
    up, down, open_ = [0.1, 0.11, 0.09], [-0.1, -0.11, -0.09], [0.1, -0.1, 0.0]
    for parts, outcome in (
        ({"a": up, "b": up}, "seen"),
        ({"a": up, "b": down}, "not seen"),
        ({"a": up, "b": open_}, "not resolved"),
        ({}, "not resolved"),
    ):
        sheet.judge_all(1, parts, "both")
        assert sheet.verdicts[1].outcome == outcome


def test_the_interval_is_students():
    # 12.706 is the 97.5 % quantile for one degree of freedom.
    assert half_width(np.array([0.0, 2.0])) == pytest.approx(12.7062, abs=1e-3)


def test_what_is_not_drawn_is_refused(sheet):
    with pytest.raises(ShapeError, match="neither drawn nor named as missing"):
        sheet.check()
    for series in ("Geo-GNN", "W/O Enc"):
        sheet.add("main", series, x=[1.0], y=[0.5])
    sheet.add("main", "W/O Agg", source="printed", x=[1.0], y=[0.5])
    with pytest.raises(ShapeError, match=r"W/O Agg"):
        sheet.check()
    sheet.lacks("main", "W/O Agg", "there is none")
    with pytest.raises(ShapeError, match="claim 1 was not judged"):
        sheet.check()
    for number in sheet.entry.claims:
        sheet.leave(number, "no data")
    sheet.check()
    rows = sheet.to_csv().splitlines()
    assert len(rows) == 1 + 3 + 1
    assert rows[-1].startswith("main,W/O Agg,absent,")
    assert rows[-1].endswith("there is none")


def test_columns_of_unequal_length_are_refused(sheet):
    with pytest.raises(ShapeError, match="columns do not fit"):
        sheet.add("main", "Geo-GNN", x=[1.0, 2.0], y=[1.0, 2.0, 3.0])
