"""A liquid: its species, composition and pair interactions; energies and forces in numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import SettingsError, ShapeError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import Neighbours, find_neighbours
from glasscast.liquid.potentials import Potential
from glasscast.liquid.power_sums import PowerSums
from glasscast.liquid.tables import Tables


def species_name(species: int) -> str:
    """Letter of a species: 0 -> A, 1 -> B, ...; past Z its number."""
    return ascii_uppercase[species] if species < len(ascii_uppercase) else str(species)


def check_temperature(temperature: float) -> None:
    """Refuse a temperature at which nothing can be simulated.

    Raises
    ------
    SettingsError : unless it is positive and finite.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise SettingsError(f"temperature must be positive, got {temperature:g}", "temperature")


@dataclass(frozen=True, kw_only=True, eq=False)
class Liquid:
    r"""Species and pair potentials of a mixture, in reduced units.

    Parameters
    ----------
    name : identifies the liquid in metadata.
    dimension : 2 or 3.
    species : S names, in the order of ``types``.
    fractions : (S,) composition, adding up to 1.
    masses : (S,) masses.
    density : number density the published data have.
    potential : the functional form shared by all pairs.
    epsilon, sigma : (S, S) pair parameters; epsilon is NaN where the potential has none.
    law : energy and force of every pair of species at a distance.
    time_step : that conserves energy to 1e-4 per particle over 100 time units or better.
    notes : mapping to other units and sources, for reports.
    temperature : the only one at which the liquid is what it stands for; None: any.
    """

    name: str
    dimension: int
    species: tuple[str, ...]
    fractions: FloatArray
    masses: FloatArray
    density: float
    potential: Potential
    epsilon: FloatArray
    sigma: FloatArray
    law: PowerSums | Tables
    time_step: float = 0.005
    notes: str = field(default="", compare=False)
    temperature: float | None = None

    @property
    def cutoff(self) -> FloatArray:
        """Distances from which on pairs do not interact, (S, S)."""
        return self.law.cutoff

    @property
    def core(self) -> FloatArray:
        """Distances below which pairs overlap, (S, S)."""
        return self.law.core

    @property
    def longest_cutoff(self) -> float:
        """Longest of the pair cutoffs."""
        return float(self.cutoff.max())

    def check_temperature(self, temperature: float) -> None:
        """Refuse a temperature at which the liquid is not what it stands for.

        Raises
        ------
        SettingsError : unless it is positive, and the liquid's own where it has one.
        """
        check_temperature(temperature)
        if self.temperature is not None and not np.isclose(temperature, self.temperature):
            raise SettingsError(
                f"{self.name} is what it stands for at temperature {self.temperature:g} only, got "
                f"{temperature:g}; see the notes of its file",
                "temperature",
            )

    def counts(self, particles: int) -> NDArray[np.int64]:
        """Count the particles of each species, rounded so that they add up.

        Raises
        ------
        SettingsError : if a species would be absent.
        """
        exact = self.fractions * particles
        counts = np.floor(exact + 1e-9).astype(np.int64)
        for a in np.argsort(counts - exact, kind="stable")[: particles - counts.sum()]:
            counts[a] += 1
        if np.any(counts == 0):
            raise SettingsError(f"{particles} particles are too few for the species of {self.name}")
        return counts

    def types(self, particles: int) -> NDArray[np.int8]:
        """Species of each of N particles, sorted."""
        return np.repeat(np.arange(len(self.species)), self.counts(particles)).astype(np.int8)

    def check_types(self, types: NDArray[np.integer]) -> None:
        """Refuse species that the liquid does not have.

        Raises
        ------
        ShapeError : naming the unknown species.
        """
        if len(types) and (types.min() < 0 or types.max() >= len(self.species)):
            unknown = sorted(set(types.tolist()) - set(range(len(self.species))))
            raise ShapeError(
                f"species {unknown[0]} is unknown: {self.name} has {len(self.species)} species "
                f"({', '.join(self.species)}), counted from 0"
            )

    def pair_energy(self, distances: FloatArray, a: int = 0, b: int = 0) -> FloatArray:
        """Energy u_ab(r) of pairs at given distances; 0 from the cutoff on."""
        return self.law.energy(np.asarray(distances, dtype=np.float64), a, b)

    def pair_force(self, distances: FloatArray, a: int = 0, b: int = 0) -> FloatArray:
        """Force -du_ab/dr of pairs at given distances, positive when repulsive."""
        return self.law.force(np.asarray(distances, dtype=np.float64), a, b)

    def energies(
        self,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        pairs: Neighbours | None = None,
    ) -> FloatArray:
        r"""Potential energy of each particle, half of every pair it is in.

        .. math:: e_i = \frac12 \sum_{j \ne i} u_{ab}(r_{ij})

        Parameters
        ----------
        positions : (N, d); types : (N,); box : (d,).
        pairs : neighbour list at least as long as the longest cutoff; found if absent.

        Returns
        -------
        (N,) float64; the sum is the total energy.

        Raises
        ------
        ShapeError : for unknown species, or particles so close that the potential is not finite.
        """
        pairs = self._pairs(positions, types, box, pairs)
        energy = self._of(self.law.energy, pairs, types)
        return np.asarray(
            np.bincount(pairs.receivers, 0.5 * energy, minlength=len(positions)), dtype=np.float64
        )

    def forces(
        self,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        pairs: Neighbours | None = None,
    ) -> FloatArray:
        """Force on each particle, (N, d): minus the gradient of the total energy.

        Parameters and errors are those of :meth:`energies`.
        """
        pairs = self._pairs(positions, types, box, pairs)
        force = self._of(self.law.force, pairs, types)
        # vectors point from receiver to sender: a repulsive force acts against them
        push = -(force / pairs.distances)[:, None] * pairs.vectors
        columns = [
            np.bincount(pairs.receivers, push[:, k], minlength=len(positions))
            for k in range(positions.shape[1])
        ]
        return np.stack(columns, axis=1)

    def pressure(
        self,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        temperature: float,
    ) -> float:
        r"""Pressure by the virial, :math:`\rho T + \frac{1}{dV}\sum_{i<j} r_{ij} f_{ij}`."""
        stresses = self.normal_stresses(positions, types, box)
        return float(len(positions) * temperature / np.prod(box) + stresses.mean())

    def normal_stresses(
        self,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        pairs: Neighbours | None = None,
    ) -> FloatArray:
        r"""Return the normal stresses of the pair forces, (d,), positive in compression.

        .. math:: \sigma_{aa} = \frac1V \sum_{i<j} \frac{f_{ij}}{r_{ij}} (r^a_{ij})^2

        Their mean and :math:`\rho T` are the pressure. Parameters and errors are those of
        :meth:`energies`.
        """
        pairs = self._pairs(positions, types, box, pairs)
        force = self._of(self.law.force, pairs, types)
        virial = 0.5 * (force / pairs.distances) @ np.square(pairs.vectors)
        return np.asarray(virial / np.prod(box))

    def _pairs(
        self,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        pairs: Neighbours | None,
    ) -> Neighbours:
        """Return the neighbour list, found if absent, of particles whose species are known."""
        self.check_types(types)
        return pairs or find_neighbours(positions, box, self.longest_cutoff)

    def _of(
        self,
        quantity: Callable[[FloatArray, Any, Any], FloatArray],
        pairs: Neighbours,
        types: NDArray[np.integer],
    ) -> FloatArray:
        """Energy or force of every pair."""
        values = quantity(pairs.distances, types[pairs.receivers], types[pairs.senders])
        if not np.all(np.isfinite(values)):
            k = int(np.argmin(np.isfinite(values)))
            raise ShapeError(
                f"particles {pairs.receivers[k]} and {pairs.senders[k]} are "
                f"{pairs.distances[k]:.3g} apart, where the potential of {self.name} is not finite"
            )
        return values
