r"""Pair-distance changes: which pairs are judged, and what neighbours have in common.

.. math:: \mathcal E_{ij}(t) = \langle r_{ij}(t) - r_{ij}(0) \rangle

of pairs that are neighbours at t = 0. Pairs of the first and of the second shell change by
different amounts, so scores are of the first shell of one pair of species.

References
----------
Shiba et al., J. Chem. Phys. 158, 084503 (2023), eqs. 11, 15 and 16, figures 4, 6 and 7(d).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glasscast.config import Settings
from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.liquid.box import FloatArray, minimum_image
from glasscast.liquid.interactions import species_name
from glasscast.liquid.neighbours import NEAREST, find_neighbours, find_pairs
from glasscast.models.forecast import ModelForecast

#: Field of the measured and of the forecast pair-distance changes, as scores name it.
BOND_TARGET = "bond_change"


class JudgedPairs(Settings):
    """Pairs of particles whose distance changes are scored."""

    species: tuple[Annotated[str, Field(pattern="^[A-Z]-[A-Z]$")], ...] = Field(
        ("A-A",), min_length=1, description="pairs of species, such as A-A or A-B"
    )
    closer_than: float = Field(NEAREST, gt=0, description="distance at t = 0, in sigma")

    def among(self, configuration: Configuration) -> dict[str, NDArray[np.bool_]]:
        """Whether each measured bond is judged: ``A-A`` -> (E,); pairs that do not occur lack.

        Raises
        ------
        ShapeError : if the bonds of the configuration end below the distance asked for.
        """
        known = configuration.metadata.definitions.bonds
        if known is not None and known < self.closer_than:
            raise ShapeError(
                f"{configuration.name}: distance changes are known of pairs closer than {known:g}; "
                f"pairs closer than {self.closer_than:g} cannot be judged; lower 'closer_than'"
            )
        near = bond_lengths(configuration) < self.closer_than
        wanted = {"-".join(sorted(name.split("-"))) for name in self.species}
        of_species = bonds_by_species(configuration).items()
        found = {name: chosen & near for name, chosen in of_species if name in wanted}
        return {name: chosen for name, chosen in found.items() if chosen.any()}


def bonds_by_species(configuration: Configuration) -> dict[str, NDArray[np.bool_]]:
    """Tell the bonds of each pair of species: ``A-A`` -> (E,)."""
    if configuration.bonds is None:
        return {}
    low, high = np.sort(configuration.types[configuration.bonds], axis=0)
    return {
        f"{species_name(a)}-{species_name(b)}": (low == a) & (high == b)
        for a, b in combinations_with_replacement(configuration.species, 2)
    }


def bond_lengths(configuration: Configuration) -> FloatArray:
    """Distance of each bond at t = 0: (E,), in sigma; empty without bonds."""
    if configuration.bonds is None:
        return np.empty(0)
    i, j = configuration.bonds
    apart = minimum_image(
        configuration.positions[j] - configuration.positions[i], configuration.box
    )
    return np.asarray(np.linalg.norm(apart, axis=1))


def forecast_of(forecast: ModelForecast, bonds: NDArray[np.int32]) -> FloatArray:
    """Forecast change of each of some pairs (2, E): (T, E); NaN where a pair has none."""
    values = np.full((len(forecast.times), bonds.shape[1]), np.nan)
    if forecast.bonds is not None and forecast.bond_change is not None:
        rows = find_pairs(forecast.bonds, bonds, forecast.configuration.size)
        values[:, rows >= 0] = forecast.bond_change[:, rows[rows >= 0]]
    return values


def locally_averaged_displacement(
    configuration: Configuration, radius: float = NEAREST
) -> FloatArray:
    r"""Mean displacement of a particle and its neighbours, which lets collective motion stand out.

    .. math:: \langle \Delta \mathbf r_i^{ave}(t) \rangle = \Big\langle
        \frac{\sum_j [\mathbf r_j(t) - \mathbf r_j(0)]\, \Theta(r_f - r_{ij}(0))}
        {\sum_j \Theta(r_f - r_{ij}(0))} \Big\rangle

    The particle itself counts as one of its neighbours. The mean over runs and the mean over
    neighbours commute, so that the tendency is all it takes.

    Parameters
    ----------
    radius : r_f, in sigma.

    Returns
    -------
    (T, N, d) float64, in sigma; NaN at times without a tendency.

    Raises
    ------
    ShapeError : if the configuration has no tendency.

    References
    ----------
    Shiba et al. (2023), eq. 16.
    """
    if configuration.tendency is None:
        raise ShapeError(f"{configuration.name}: has no 'tendency'; it needs trajectories")
    near = find_neighbours(configuration.positions, configuration.box, radius)
    sums = configuration.tendency.astype(np.float64)
    for of_time in sums:
        moves = of_time[near.senders]
        for axis in range(configuration.dimension):
            of_time[:, axis] += np.bincount(near.receivers, moves[:, axis], configuration.size)
    return np.asarray(sums / (1 + np.diff(near.offsets))[:, None])


@dataclass(frozen=True)
class JointDistribution:
    r"""Probability density of distance at t = 0 and its mean change, :math:`P(r, \mathcal E)`.

    Parameters
    ----------
    pair : of species, such as A-A.
    times : (T,)
    r, change : edges of the bins, in sigma: (X + 1,), and (Y + 1,) of each time.
    density : (X, Y) of each time, in sigma^-2; the integral over the bins is 1.
    correlation : (T,) Pearson correlation of distance and change.
    """

    pair: str
    times: FloatArray
    r: FloatArray
    change: tuple[FloatArray, ...]
    density: tuple[FloatArray, ...]
    correlation: FloatArray


def joint_distribution(
    configurations: Sequence[Configuration],
    pair: str = "A-A",
    closer_than: float = NEAREST,
    bins: int = 48,
) -> JointDistribution | None:
    """Measure how the change of a distance goes with the distance.

    Parameters
    ----------
    configurations : with the same times; rows without pair-distance changes are left out.
    pair, closer_than : which pairs.
    bins : along each axis; those of the change hold all but a thousandth of the pairs.

    Returns
    -------
    None where no configuration knows such a pair.
    """
    judged = JudgedPairs(species=(pair,), closer_than=closer_than)
    lengths, changes = [], []
    for configuration in configurations:
        chosen = judged.among(configuration).get(pair)
        if chosen is not None and configuration.bond_change is not None:
            lengths.append(bond_lengths(configuration)[chosen])
            changes.append(configuration.bond_change[:, chosen].astype(np.float64))
    if not lengths:
        return None
    r, change = np.concatenate(lengths), np.concatenate(changes, axis=1)
    rows = np.flatnonzero(np.isfinite(change).all(axis=1))
    edges_r = np.linspace(r.min(), closer_than, bins + 1)
    steps = [max(_step(each[row]) for each in changes) for row in rows]
    edges = tuple(_edges(change[row], bins, step) for row, step in zip(rows, steps, strict=True))
    density = tuple(
        np.histogram2d(r, change[row], (edges_r, e), density=True)[0]
        for row, e in zip(rows, edges, strict=True)
    )
    return JointDistribution(
        pair=pair,
        times=configurations[0].times[rows],
        r=edges_r,
        change=edges,
        density=density,
        correlation=np.array([np.corrcoef(r, change[row])[0, 1] for row in rows]),
    )


def _step(values: FloatArray) -> float:
    """Step in which values are kept; next to nothing where they are not rounded."""
    steps = np.diff(np.unique(values))
    return float(steps.min()) if len(steps) else 1.0


def _edges(values: FloatArray, bins: int, step: float) -> FloatArray:
    """Edges of about so many bins, as wide as some steps of the coarsest configuration."""
    low, high = np.quantile(values, [0.0005, 0.9995])
    width = step * max(1, np.ceil((high - low) / bins / step))
    first = step * (np.floor(low / step) - 0.5)
    return np.asarray(first + width * np.arange(np.ceil((high - first) / width) + 1))
