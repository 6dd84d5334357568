"""The energies of the Monte Carlo kernel are those of numpy, for every kind of potential."""

from __future__ import annotations

import numpy as np
import pytest

from glasscast.liquid.definition import load_liquid
from glasscast.simulation.equilibration import box_of, lattice
from glasscast.simulation.monte_carlo_pairs import kernel_law, neighbour_lists, three_rows
from tests.liquids import lennard_jones_rows, soft_liquids, tabulated

pytest.importorskip("numba")

LIQUIDS = {
    **{name: load_liquid(name) for name in ("ka", "ka-cut", "ka2d", "hard-spheres")},
    **soft_liquids(),
    "table": tabulated(lennard_jones_rows(300), density=0.6),
    "table, squared": tabulated(lennard_jones_rows(61, "squared"), density=0.6),
}


def changes(liquid, seed=1, particles=260):
    """Energy changes of forty moves, by the kernel and as differences of the total energy."""
    from glasscast.simulation.monte_carlo_kernel import energy_change

    rng = np.random.default_rng(seed)
    types = liquid.types(particles).astype(np.int64)
    box = box_of(liquid, particles) * 1.3
    start = lattice(liquid, types, box, rng)
    lists = neighbour_lists(liquid, start, types, box, 0.2)
    x, sides = three_rows(start.T, 0.0), three_rows(box[:, None], 1.0)[:, 0]
    law, before = kernel_law(liquid.law), liquid.energies(start, types, box).sum()
    kernel, numpy = [], []
    for i in rng.choice(particles, 40, replace=False):
        new = np.zeros(3)
        new[: liquid.dimension] = rng.uniform(-0.15, 0.15, liquid.dimension)
        kernel.append(energy_change(i, x[:, i].copy(), new, x, types, sides, *lists, law))
        moved = start.copy()
        moved[i] += new[: liquid.dimension]
        numpy.append(liquid.energies(moved, types, box).sum() - before)
    return np.array(kernel), np.array(numpy)


@pytest.mark.parametrize("name", LIQUIDS)
def test_a_move_costs_what_the_total_energy_says(name):
    kernel, numpy = changes(LIQUIDS[name])
    assert np.abs(numpy).max() > 0.01
    np.testing.assert_allclose(kernel, numpy, rtol=1e-9, atol=1e-9)


def test_a_move_closer_than_the_first_row_is_never_taken():
    from glasscast.simulation.monte_carlo_kernel import energy_change

    liquid = tabulated(lennard_jones_rows(40))
    start, types = np.array([[2.0, 2, 2], [3.0, 2, 2]]), np.zeros(2, dtype=np.int64)
    box = np.full(3, 9.0)
    lists = neighbour_lists(liquid, start, types, box, 0.4)
    change = energy_change(
        0,
        start[0],
        np.array([0.25, 0, 0]),
        start.T.copy(),
        types,
        box,
        *lists,
        kernel_law(liquid.law),
    )
    assert change == np.inf


@pytest.mark.parametrize("spacing", ["even", "squared"])
def test_the_guide_finds_the_row_of_every_distance(spacing):
    """At rows, just beside them and in between, one particle against another."""
    from glasscast.simulation.monte_carlo_kernel import energy_change

    table = lennard_jones_rows(47, spacing)
    liquid = tabulated(table)
    rows = table["AB"][:, 0]
    asked = np.concatenate([rows, np.nextafter(rows, 0), np.nextafter(rows, 9), rows[:-1] + 0.01])
    asked = asked[asked >= rows[0]]
    types, box, law = np.array([0, 1]), np.full(3, 20.0), kernel_law(liquid.law)
    found = []
    for r in asked:
        start = np.array([[2.0, 2, 2], [2 + 7.0, 2, 2]])
        lists = np.array([[0, 0, 1], [1, 2, 2]]), np.array([1, 0], dtype=np.int32)
        new = np.array([7.0 - r, 0, 0])
        found.append(energy_change(0, start[0], new, start.T.copy(), types, box, *lists, law))
    np.testing.assert_allclose(found, liquid.pair_energy(asked, 0, 1), rtol=1e-9, atol=1e-12)
