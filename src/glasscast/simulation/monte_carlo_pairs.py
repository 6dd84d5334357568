"""Pairs and their interaction as arrays in the layout of the Monte Carlo kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import Liquid
from glasscast.liquid.neighbours import Neighbours, find_neighbours
from glasscast.liquid.power_sums import PowerSums
from glasscast.liquid.tables import Tables

#: Arrays that tell the kernel one interaction; see :func:`kernel_law`.
KernelLaw = tuple[NDArray[Any], ...]

_BINS = 4  # of a table's guide a row: the row of a distance is found by less than one step on


def kernel_law(law: PowerSums | Tables) -> KernelLaw:
    """Interaction of all pairs of S species, as the kernel reads it.

    Returns
    -------
    cuts : (S, S) squared cutoffs.
    coefficients : (S, S, K) of the powers.
    powers : (K,) ascending exponents; empty for those of the Lennard-Jones family, which the
        kernel knows.
    rows, pieces : (M,) first distances of the pieces of all tables, each table closed by infinity,
        and (M, 6) coefficients of the polynomial in the distance from there, from power 5 down.
    guide : (G,) row at which each of the equal bins of a table begins, all tables.
    places, bins : (S, S, 2) where a table begins in rows and guide; (S, S) bins a unit of length.
    """
    cuts = law.cutoff**2
    if isinstance(law, Tables):
        return (cuts, np.empty((*cuts.shape, 0)), np.empty(0, dtype=np.int64), *_tables(law))
    no_tables = (
        np.empty(0),
        np.empty((0, 6)),
        np.empty(0, dtype=np.int64),
        np.empty((*cuts.shape, 2), dtype=np.int64),
        np.empty(cuts.shape),
    )
    return (cuts, *_powers(law), *no_tables)


def _powers(law: PowerSums) -> tuple[FloatArray, NDArray[np.int64]]:
    """Coefficients in the order of the kernel, and their exponents unless they are its own."""
    from glasscast.simulation.monte_carlo_kernel import LENNARD_JONES_POWERS

    if not set(law.exponents) <= set(LENNARD_JONES_POWERS):
        return law.coefficients, np.array(law.exponents)
    ordered = np.zeros((*law.cutoff.shape, len(LENNARD_JONES_POWERS)))
    for k, n in enumerate(law.exponents):
        ordered[..., LENNARD_JONES_POWERS.index(n)] = law.coefficients[..., k]
    return ordered, np.empty(0, dtype=np.int64)


def _tables(law: Tables) -> KernelLaw:
    """Arrays of all tables, one after the other."""
    rows: list[FloatArray] = []
    pieces: list[FloatArray] = []
    guide: list[NDArray[np.int64]] = []
    places, bins = np.empty((*law.cutoff.shape, 2), dtype=np.int64), np.empty(law.cutoff.shape)
    for a, b in np.ndindex(bins.shape):
        distances = law.pairs[a][b].rows[:, 0]
        places[a, b] = sum(len(part) for part in rows), sum(len(part) for part in guide)
        count = _BINS * len(distances)
        bins[a, b] = count / (distances[-1] - distances[0])
        begins = distances[0] + np.arange(count + 1) / bins[a, b]
        # the row before, where rounding could make a bin begin behind its first distance
        found = np.searchsorted(distances, begins * (1 - 1e-12), side="right") - 1
        rows.append(np.append(distances[:-1], np.inf))
        pieces.append(np.vstack([law.pairs[a][b].pieces, np.zeros(6)]))
        guide.append(np.clip(found, 0, len(distances) - 2))
    return np.concatenate(rows), np.concatenate(pieces), np.concatenate(guide), places, bins


def neighbour_lists(
    liquid: Liquid,
    start: FloatArray,
    types: NDArray[np.integer[Any]],
    box: FloatArray,
    radius: float,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Neighbours of particles that move no farther than a radius from where they start.

    Returns
    -------
    offsets : (N, S + 1) bounds of the neighbours of each particle, by species.
    pairs : the neighbours.
    """
    reach = 2 * radius
    all_pairs: Neighbours = find_neighbours(start, box, liquid.longest_cutoff + reach)
    senders, receivers = all_pairs.senders, all_pairs.receivers
    near = all_pairs.distances < liquid.cutoff[types[receivers], types[senders]] + reach
    senders, receivers = senders[near], receivers[near]
    count = len(liquid.species)
    group = receivers * count + types[senders].astype(np.int64)
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(len(types) * count + 1))
    offsets = np.empty((len(types), count + 1), dtype=np.int64)
    offsets[:, :-1] = bounds[:-1].reshape(-1, count)
    offsets[:, -1] = bounds[count::count]
    return offsets, senders[order].astype(np.int32)


def three_rows(array: FloatArray, fill: float) -> FloatArray:
    """Pad (d, n) to (3, n); in two dimensions the third coordinate stays 0."""
    rows = np.full((3, array.shape[1]), fill)
    rows[: len(array)] = array
    return rows
