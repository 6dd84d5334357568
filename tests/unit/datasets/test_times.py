"""Which times of a trajectory are kept."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasscast.datasets.times import KEPT_BY_DEFAULT, MANY, choose_times, listed, spread_out
from glasscast.errors import InputError

FILE = Path("run.dump")


def test_few_times_and_unequal_ones_are_all_kept():
    for times in (np.arange(1, MANY + 1), np.geomspace(0.1, 1e4, 300)):
        choice = choose_times(FILE, times, None)
        assert choice.rows == tuple(range(len(times)))
        assert choice.remark == ""


def test_very_many_equal_spacings_are_thinned_and_it_is_said():
    times = 0.5 * np.arange(1, 2001)
    choice = choose_times(FILE, times, None)
    assert len(choice.rows) == KEPT_BY_DEFAULT
    assert "0.5 to 1000 (2000 times) at equal spacing, 20 logarithmically" in choice.remark
    kept = times[list(choice.rows)]
    assert (kept[0], kept[-1]) == (0.5, 1000)
    ratios = kept[1:] / kept[:-1]
    assert ratios[8:].max() < 1.05 * ratios[8:].min()  # once the spacing is fine enough


@given(count=st.integers(1, 60), size=st.integers(1, 80), power=st.floats(0.2, 3))
def test_a_count_is_met_exactly_with_the_last_time_among_them(count, size, power):
    times = np.arange(1, size + 1) ** power
    rows = spread_out(times, count)
    assert len(rows) == min(count, size)
    assert list(rows) == sorted(set(rows))
    assert rows[-1] == size - 1
    assert count == 1 or rows[0] == 0


def test_times_are_found_or_the_nearest_is_named():
    times = [0.1, 1.0, 10.0]
    assert choose_times(FILE, times, (10.0, 0.10001)).rows == (0, 2)
    with pytest.raises(
        InputError, match=r"no frame at time 2, the nearest is at 1; its times: 0"
    ) as e:
        choose_times(FILE, times, (2.0,))
    assert e.value.parameter == "times"
    with pytest.raises(InputError, match="nearest to the same frame"):
        choose_times(FILE, times, (1.0, 1.0005))


def test_long_lists_of_times_are_first_last_and_number():
    assert listed([0.1, 1, 10.0]) == "0.1, 1, 10"
    assert listed(range(1, 2001)) == "1 to 2000 (2000 times)"
