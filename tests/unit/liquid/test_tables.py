"""Tabulated potentials: what is refused, what is in between the rows, and how good that is."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from glasscast.errors import InputError, ShapeError
from glasscast.liquid.definition import LiquidSettings, load_liquid, load_liquid_settings
from glasscast.liquid.tables import MOST_ROWS
from tests.liquids import PAIRS, lennard_jones_rows, tabulated

SPECIES = ["AA", "AB", "BB"]


def one_species(rows, **changes):
    """Content of a liquid's file with one table."""
    return {
        "name": "mine",
        "density": 0.8,
        "potential": {"form": "table"},
        "species": {"A": {"fraction": 1}},
        "pairs": {"AA": {"sigma": 1, "table": rows} | changes},
    }


def write(folder, content):
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def write_rows(path, rows, separator=" "):
    lines = [separator.join(f"{x:.12g}" for x in row) for row in rows]
    path.write_text("\n".join(["# distance energy force", "", *lines]) + "\n")


def test_rows_hold_exactly_and_the_force_is_the_slope_everywhere():
    liquid = tabulated(lennard_jones_rows(120))
    for key, pair in zip(SPECIES, ((0, 0), (1, 0), (1, 1)), strict=True):
        rows = lennard_jones_rows(120)[key][:-1]
        np.testing.assert_allclose(liquid.pair_energy(rows[:, 0], *pair), rows[:, 1], rtol=1e-13)
        np.testing.assert_allclose(liquid.pair_force(rows[:, 0], *pair), rows[:, 2], rtol=1e-12)
        r, step = rows[:-1, 0] + 0.3 * np.diff(rows[:, 0]), 1e-6
        up, down = (liquid.pair_energy(r + h, *pair) for h in (step, -step))
        np.testing.assert_allclose(liquid.pair_force(r, *pair), (down - up) / 2 / step, rtol=1e-6)


@pytest.mark.parametrize(("rows", "error"), [(100, 5e-6), (200, 1e-7), (500, 4e-10)])
def test_a_smooth_potential_is_reproduced_between_its_rows(rows, error):
    liquid, r = tabulated(lennard_jones_rows(rows)), np.linspace(0.9, 2.49, 3001)
    exact = 4 * (r**-12 - r**-6 - 2.5**-12 + 2.5**-6)
    assert np.abs(liquid.pair_energy(r) - exact).max() < error


def test_a_polynomial_of_fifth_degree_is_exact_on_uneven_rows():
    rng, c = np.random.default_rng(2), np.array([0.3, -1.0, 0.5, 2.0, -1.5, 0.7])
    r = np.sort(rng.uniform(0.5, 2.0, 60))
    rows = np.column_stack([r, np.polyval(c, r), -np.polyval(np.polyder(c), r)])
    liquid = LiquidSettings(**one_species(rows.tolist())).liquid()
    between = rng.uniform(r[0], r[-1], 200)
    np.testing.assert_allclose(liquid.pair_energy(between), np.polyval(c, between), rtol=1e-8)


def test_energy_force_and_stiffness_are_continuous_at_the_rows():
    liquid, step = tabulated(lennard_jones_rows(40)), 1e-7
    for r in lennard_jones_rows(40)["AA"][3:-1, 0]:
        left, right = (liquid.pair_force(r + step * np.array([k, 2 * k])) for k in (-1, 1))
        assert left[0] == pytest.approx(right[0], rel=1e-4)
        stiffness = (left[1] - left[0]) / step, (right[0] - right[1]) / step
        assert stiffness[0] == pytest.approx(stiffness[1], rel=1e-3, abs=0.05)


def test_ends():
    liquid, core = tabulated(lennard_jones_rows(60)), 0.8
    assert liquid.core[0, 0] == core
    assert liquid.cutoff[0, 0] == 2.5
    assert liquid.pair_energy(np.array([core * 0.999, 2.5, 3.0])).tolist() == [np.inf, 0, 0]
    assert liquid.pair_force(np.array([core * 0.999, 2.5, 3.0])).tolist() == [np.inf, 0, 0]
    near = np.array([2.5 - 1e-9])
    assert abs(liquid.pair_energy(near)[0]) < 1e-9


def test_particles_closer_than_the_first_row_are_named():
    liquid = tabulated(lennard_jones_rows(60))
    positions, box = np.array([[1.0, 1, 1], [4, 4, 4], [1.5, 1, 1]]), np.full(3, 9.0)
    with pytest.raises(ShapeError, match=r"particles 0 and 2 are 0\.5 apart.*table is not finite"):
        liquid.energies(positions, np.zeros(3, int), box)
    with pytest.raises(ShapeError, match="particles 0 and 2"):
        liquid.forces(positions, np.zeros(3, int), box)


@pytest.mark.parametrize("separator", [" ", ", ", "\t"])
def test_a_table_in_a_file_beside_is_the_same_as_in_the_liquid(tmp_path, separator, monkeypatch):
    rows = lennard_jones_rows(50)["AA"]
    (tmp_path / "tables").mkdir()
    write_rows(tmp_path / "tables" / "aa.txt", rows, separator)
    path = write(tmp_path, one_species("tables/aa.txt"))
    monkeypatch.chdir("/")
    beside = load_liquid_settings(path)
    inside = LiquidSettings(**one_species(rows.tolist()))
    r = np.linspace(0.85, 2.6, 30)
    np.testing.assert_allclose(beside.liquid().pair_energy(r), inside.liquid().pair_energy(r))
    # what is kept with the data needs no file
    again = LiquidSettings.model_validate_json(beside.model_dump_json())
    np.testing.assert_array_equal(again.liquid().pair_energy(r), beside.liquid().pair_energy(r))


def replaced(column, value, row=20):
    def change(rows):
        rows[row, column] = value
        return rows

    return change


def power(n, r):
    return np.column_stack([r, r**-n, n * r ** (-n - 1)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replaced(0, 0.5), r"distances must be positive and increase; see row 21"),
        (replaced(0, -1, row=0), "must be positive and increase; see row 1"),
        (replaced(1, np.nan), "finite number"),
        (replaced(2, np.inf), "finite number"),
        (replaced(1, 0.3), r"not minus the slope of the energy: from r = .* \(rows 20 and 21\)"),
        (lambda rows: rows * [1, 1, -1], "not minus the slope"),
        (lambda rows: rows * [1, 1, 2], "not minus the slope"),
        (lambda rows: rows[:, [0, 2, 1]], "not minus the slope"),
        (lambda rows: rows[:, :2], "table"),
        (lambda rows: rows[:4], "at least 5 items"),
        (
            lambda rows: power(12, np.linspace(0.1, 2.5, 25)),
            "rows are too far apart.* r = 0.1 to 0",
        ),
        (lambda rows: np.tile(rows, (MOST_ROWS // 50 + 1, 1)), "at most 20000 items"),
        (lambda rows: "somewhere.txt", "valid tuple"),
    ],
)
def test_rows_that_are_no_potential_are_refused(change, message):
    rows = change(lennard_jones_rows(51)["AA"])
    with pytest.raises(ValueError, match=message):
        LiquidSettings(**one_species(rows if isinstance(rows, str) else rows.tolist()))


@pytest.mark.parametrize("form", ["%.6g", "%.6f", "%.12e"])
@pytest.mark.parametrize("rows", [40, 400, 2000])
def test_rounded_tables_of_any_fineness_are_taken(form, rows):
    table = lennard_jones_rows(rows)["AA"]
    rounded = [[float(form % x) for x in row] for row in table.tolist()]
    LiquidSettings(**one_species(rounded))


def test_forces_with_a_kink_are_taken():
    r = np.linspace(0.3, 1.4, 45)
    overlap = np.maximum(1 - r, 0)
    LiquidSettings(**one_species(np.column_stack([r, overlap**2 / 2, overlap]).tolist()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3\n1.1 2", "line 2 must hold three numbers"),
        ("# x\n1 1.0 2 3", "line 2 must hold three numbers"),
        ("root:x:0:0", "line 1 must hold three numbers"),
        ("1 0 0\n" * (MOST_ROWS + 1), "has more than 20000 rows"),
        (None, "does not exist"),
        ("1 0 0\n", "at least 5 items"),
        ("x" * 4_000_001, "is longer than 4 MB"),
    ],
)
def test_files_that_are_no_table_are_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "aa.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        load_liquid(write(tmp_path, one_species("aa.txt")))


def test_tables_are_bounded_together(tmp_path):
    names = ["A", "B", "C", "D"]
    write_rows(tmp_path / "t.txt", [(1 + k, 0, 0) for k in range(MOST_ROWS)])
    content = one_species("t.txt") | {
        "species": {name: {"fraction": 0.25} for name in names},
        "pairs": {
            f"{a}{b}{c}": {"sigma": 1, "table": "t.txt"} for a in names for b in names for c in "x-"
        },
    }
    with pytest.raises(InputError, match="the rows of all tables above 200000"):
        load_liquid(write(tmp_path, content))


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ({"epsilon": 1}, "the pair 'AA': 'epsilon' means nothing to 'table'"),
        ({"cutoff": 2}, "'cutoff' means nothing to 'table'"),
        ({"table": None}, "the pair 'AA' lacks 'table'"),
    ],
)
def test_a_pair_of_a_table_has_a_diameter_and_rows_only(pair, message):
    with pytest.raises(ValueError, match=message):
        LiquidSettings(**one_species(lennard_jones_rows(40)["AA"].tolist(), **pair))


def test_every_pair_has_its_own_table():
    liquid, r = tabulated(lennard_jones_rows(300)), np.array([1.2])
    for key, (a, b) in zip(SPECIES, ((0, 0), (0, 1), (1, 1)), strict=True):
        epsilon, sigma = PAIRS[key]
        x = r / sigma
        shift = 4 * epsilon * (2.5**-12 - 2.5**-6)
        expected = 4 * epsilon * (x**-12 - x**-6) - shift
        assert liquid.pair_energy(r, a, b)[0] == pytest.approx(expected[0], abs=1e-4)
        assert liquid.pair_energy(r, b, a) == liquid.pair_energy(r, a, b)
    both = liquid.law.energy(np.array([1.2, 1.2, 1.2]), np.array([0, 0, 1]), np.array([0, 1, 1]))
    singly = [liquid.pair_energy(r, a, b)[0] for a, b in ((0, 0), (0, 1), (1, 1))]
    np.testing.assert_array_equal(both, singly)
