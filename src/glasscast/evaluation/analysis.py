"""Numbers of a dataset before any model: how the liquid is built, relaxes and can be forecast.

What a dataset does not carry is None: imported ones have no record of their equilibration.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import EQUILIBRIUM_POSITIONS
from glasscast.datasets.metadata import MeasuredRelaxation
from glasscast.errors import ShapeError
from glasscast.evaluation.bonds import JointDistribution, joint_distribution
from glasscast.evaluation.ceiling import ceiling_mean
from glasscast.evaluation.correlation import PairMoments
from glasscast.evaluation.directions import alignment, directedness
from glasscast.evaluation.relaxation import MeanCurve, Relaxation, fit_relaxation, standard_error
from glasscast.evaluation.runs import RunStatistics
from glasscast.evaluation.structure import Structure, StructureMeans
from glasscast.evaluation.true_fields import (
    GraphSizes,
    TrueSmoothness,
    graph_sizes,
    true_smoothness,
)
from glasscast.liquid.box import FloatArray
from glasscast.liquid.correlations import crossing_time
from glasscast.liquid.interactions import species_name

_STATE = ("energy", "pressure", "temperature")
_COUNTED = 4  # configurations whose edges are counted, which hardly differ
_PAIRED = 16  # configurations whose pairs are counted: a million pairs tell the distribution


class Estimate(NamedTuple):
    """A mean of independent values and its standard error."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: FloatArray) -> Estimate:
        """Mean and error of (C,) values."""
        return cls(float(values.mean()), float(standard_error(values)))


@dataclass(frozen=True)
class Equilibration:
    """Whether the liquid is equilibrated, from the longest stretches recorded.

    The first half of a stretch after a quench is not equilibrated yet; its energy shows how long
    that lasted.

    Parameters
    ----------
    stretches, longest : number of these stretches, and how long each is.
    means, shifts : of energy, pressure and temperature over a stretch, and of the second half
        less the first.
    largest_bond_order : of all stretches.
    inherent_energy : per particle; None where it was not recorded.
    middle : scattering function from the middle of the stretches.
    end : the same from their ends, where the ensembles start; None if there are none.
    """

    stretches: int
    longest: float
    means: dict[str, Estimate]
    shifts: dict[str, Estimate]
    largest_bond_order: float
    inherent_energy: Estimate | None
    middle: MeanCurve
    end: MeanCurve | None

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        energy = self.inherent_energy
        return {
            **{f"{key}_mean": list(value) for key, value in self.means.items()},
            **{f"{key}_shift": list(value) for key, value in self.shifts.items()},
            "bond_order_largest": self.largest_bond_order,
            **({} if energy is None else {"inherent_energy": list(energy)}),
            "waiting": {"lags": self.middle.x.tolist(), "scattering": self.middle.mean.tolist()},
        }


@dataclass(frozen=True)
class Dynamics:
    """How the liquid relaxes.

    Parameters
    ----------
    q, q_from : wave number of the scattering function, and where it comes from; None: not told.
    scattering, squared_displacement : of species A, against time.
    crossing : where the mean scattering function falls to 1/e; NaN if it does not.
    fit : None where there is nothing to fit: too few times, or too short ones.
    energy_drift : per particle in a run; None where it was not recorded.
    """

    q: float | None
    q_from: str | None
    scattering: MeanCurve
    squared_displacement: MeanCurve
    crossing: float
    fit: Relaxation | None
    energy_drift: Estimate | None

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        crossing = None if math.isnan(self.crossing) else self.crossing
        return {
            "wave_number": {"q": self.q, "q_from": self.q_from},
            "relaxation_time": {
                "1/e": crossing,
                "fit": None if self.fit is None else self.fit.tau_alpha,
            },
            "times": self.scattering.x.tolist(),
            "scattering": self.scattering.mean.tolist(),
            "squared_displacement": self.squared_displacement.mean.tolist(),
            "relaxation": None if self.fit is None else asdict(self.fit),
            **({} if self.energy_drift is None else {"energy_drift": list(self.energy_drift)}),
        }


@dataclass(frozen=True)
class Labels:
    """What can be forecast, by species.

    Parameters
    ----------
    times : (T,)
    propensity : species -> (T,) mean.
    ceiling : species -> (T,) noise ceiling of Pearson r, where the halves are known.
    """

    times: FloatArray
    propensity: dict[str, FloatArray]
    ceiling: dict[str, FloatArray]

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "propensity": {s: values.tolist() for s, values in self.propensity.items()},
            "noise_ceiling": {s: values.tolist() for s, values in self.ceiling.items()},
        }


@dataclass(frozen=True)
class Tendency:
    """Where particles tend to, and whether equilibrium positions know the way.

    Parameters
    ----------
    times : (T,)
    directedness : (T,) length of the tendency over the propensity, mean.
    cosines : structure -> (T, n) cosine between tendency and displacement to the equilibrium
        positions of all particles; NaN where undefined.
    example : the first configuration with a tendency.
    """

    times: FloatArray
    directedness: FloatArray
    cosines: dict[str, FloatArray]
    example: Configuration

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        alignments = {s: np.nanmean(c, axis=1).tolist() for s, c in self.cosines.items()}
        return {
            "directedness": self.directedness.tolist(),
            **({"alignment": alignments} if alignments else {}),
        }


@dataclass(frozen=True)
class Analysis:
    """All that is known of a dataset; None where it does not carry what it takes."""

    structure: Structure | None
    equilibration: Equilibration | None
    dynamics: Dynamics | None
    labels: Labels | None
    tendency: Tendency | None
    neighbours: JointDistribution | None
    smoothness: TrueSmoothness | None = None
    graph: GraphSizes | None = None
    runs: RunStatistics | None = None

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        record = {} if self.structure is None else {"structure": self.structure.record()}
        for found in (self.equilibration, self.dynamics, self.labels, self.tendency):
            record |= {} if found is None else found.record()
        more = {"smoothness": self.smoothness, "graph": self.graph, "runs": self.runs}
        for key, told in more.items():
            record |= {} if told is None else {key: told.record()}
        if self.neighbours is not None:
            record["distance_change_correlation"] = self.neighbours.correlation.tolist()
        return record


def analyse_configurations(
    configurations: Iterable[Configuration],
    number: int,
    times: Sequence[float],
    *,
    relaxations: Sequence[MeasuredRelaxation] | None = None,
    runs: RunStatistics | None = None,
) -> Analysis:
    """Gather the numbers of a dataset, one configuration at a time.

    Parameters
    ----------
    configurations : all with the same times.
    number : of configurations.
    times : (T,) of their labels.
    relaxations : measured in place of those that are recorded.
    runs : what single runs tell, where these are known.
    """
    gathered, structures = _Gathered(), StructureMeans(number)
    for configuration in configurations:
        gathered.add(configuration)
        structures.add(configuration)
    if relaxations is not None:
        gathered.relaxations = list(relaxations)
    return Analysis(
        structure=structures.result(),
        equilibration=gathered.equilibration(),
        dynamics=gathered.dynamics(),
        labels=gathered.labels(np.array(times)),
        tendency=gathered.tendency(),
        neighbours=joint_distribution(gathered.paired),
        smoothness=true_smoothness(gathered.seen),
        graph=graph_sizes(gathered.seen[:_COUNTED]),
        runs=runs,
    )


@dataclass
class _Gathered:
    """What is kept of each configuration, so that a dataset of any size streams."""

    means: dict[int, list[FloatArray]] = field(default_factory=lambda: defaultdict(list))
    halves: dict[int, list[PairMoments]] = field(default_factory=lambda: defaultdict(list))
    cosines: dict[str, list[FloatArray]] = field(default_factory=lambda: defaultdict(list))
    directed: list[FloatArray] = field(default_factory=list)
    example: Configuration | None = None
    relaxations: list[MeasuredRelaxation] = field(default_factory=list)
    drifts: list[float] = field(default_factory=list)
    stretches: list[dict[str, Any]] = field(default_factory=list)
    inherent_energy: list[float] = field(default_factory=list)
    paired: list[Configuration] = field(default_factory=list)
    seen: list[Configuration] = field(default_factory=list)

    def add(self, c: Configuration) -> None:
        """Take what a configuration carries of its motion and its making."""
        for species in c.species:
            mine = c.types == species
            if c.propensity is not None and len(c.times):
                self.means[species].append(c.propensity[:, mine].mean(axis=1, dtype=float))
            if c.propensity_halves is not None:
                even, odd = c.propensity_halves[:, :, mine].astype(np.float64)
                self.halves[species].append(PairMoments.of(even, odd))
        if len(self.seen) < _PAIRED:
            self.seen.append(c)
        if c.bond_change is not None and len(self.paired) < _PAIRED:
            self.paired.append(c)
        if c.tendency is not None:
            self.example = self.example or c
            self.directed.append(np.nanmean(directedness(c), axis=1))
            for structure in EQUILIBRIUM_POSITIONS:
                if getattr(c, structure) is not None:
                    self.cosines[structure].append(alignment(c, structure))
        records, relaxation = c.metadata.records, c.metadata.relaxation
        known = self.relaxations[0].times if self.relaxations else None
        if relaxation is not None and relaxation.times and known in (None, relaxation.times):
            self.relaxations.append(relaxation)
            self.drifts += records.get("production", {}).get("energy_drift", ())
        if "energy" in records.get("inherent", {}):
            self.inherent_energy.append(records["inherent"]["energy"])
        if "lags" in (records.get("equilibration") or {}):
            self.stretches.append(records["equilibration"])

    def equilibration(self) -> Equilibration | None:
        """Compare the halves of the longest stretches, and two waiting times."""
        if not self.stretches:
            return None
        longest = max(stretch["time"] for stretch in self.stretches)
        chosen = [stretch for stretch in self.stretches if stretch["time"] == longest]
        halves = {key: np.array([s[key] for s in chosen])[:, :, 0] for key in _STATE}
        ends = [measured.scattering for measured in self.relaxations]
        energies = np.array(self.inherent_energy)
        return Equilibration(
            stretches=len(chosen),
            longest=longest,
            means={key: Estimate.of(values.mean(axis=1)) for key, values in halves.items()},
            shifts={key: _shift(values, chosen[0][key]) for key, values in halves.items()},
            largest_bond_order=max(stretch["bond_order"] for stretch in self.stretches),
            inherent_energy=Estimate.of(energies) if len(energies) else None,
            middle=MeanCurve.of(chosen[0]["lags"], [s["scattering"][1] for s in chosen]),
            end=MeanCurve.of(self.relaxations[0].times, ends) if ends else None,
        )

    def dynamics(self) -> Dynamics | None:
        """Scattering function and mean-square displacement of the production runs."""
        if not self.relaxations:
            return None
        first = self.relaxations[0]
        times = first.times
        scattering = MeanCurve.of(times, [r.scattering for r in self.relaxations])
        fit = None
        with suppress(ShapeError):
            fit = fit_relaxation(scattering.x, scattering.mean)
        squared = MeanCurve.of(times, [r.squared_displacement for r in self.relaxations])
        drift = Estimate.of(np.array(self.drifts)) if self.drifts else None
        return Dynamics(
            q=first.q,
            q_from=first.q_from,
            scattering=scattering,
            squared_displacement=squared,
            crossing=crossing_time(scattering.x, scattering.mean),
            fit=fit,
            energy_drift=drift,
        )

    def labels(self, times: FloatArray) -> Labels | None:
        if not self.means:
            return None
        return Labels(
            times,
            {species_name(s): np.mean(values, axis=0) for s, values in self.means.items()},
            {species_name(s): ceiling_mean(PairMoments.join(m)) for s, m in self.halves.items()},
        )

    def tendency(self) -> Tendency | None:
        if self.example is None:
            return None
        pooled = {s: np.concatenate(found, axis=1) for s, found in self.cosines.items()}
        directed = np.mean(self.directed, axis=0)
        return Tendency(self.example.times, directed, pooled, self.example)


def _shift(halves: FloatArray, first: Sequence[Sequence[float]]) -> Estimate:
    """Second half less the first, of (C, 2) means; of one stretch by the errors of its halves."""
    shift = halves[:, 1] - halves[:, 0]
    if len(shift) > 1:
        return Estimate.of(shift)
    return Estimate(float(shift[0]), float(np.hypot(*np.array(first)[:, 1])))
