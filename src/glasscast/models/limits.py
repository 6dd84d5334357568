r"""What a model was trained on, in quantities that any snapshot has: the alarm for another one.

Energy, pressure, stress, bond order and the surroundings of particles are compared, not names: a
snapshot whose file tells a wrong temperature, or none, is found out as well. The mean of a quantity
over N particles varies between snapshots of one state as :math:`s / \sqrt N`; from n training
configurations of N particles a further one lies within

.. math:: \bar x \pm t_{n-1} \frac{s}{\sqrt N} \sqrt{1 + 1/n}

but for the quantile that t stands for (prediction interval of a normal distribution).

How fast a liquid relaxes cannot be told from one snapshot. Where a snapshot is labelled its mean
propensity is compared too, species by species and time by time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from scipy.special import stdtrit  # Student; scipy.stats takes a second to load

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.splits import groups_of
from glasscast.errors import GlasscastError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.definition import load_liquid
from glasscast.liquid.interactions import Liquid, species_name
from glasscast.liquid.neighbours import find_neighbours
from glasscast.structure.descriptors.shells import RadialShells, ShellDescriptors

ENERGY = "potential energy a particle"
INHERENT_ENERGY = "energy a particle of the inherent structure"
PRESSURE = "pressure of the pair forces"
STRESS = "difference of a normal stress from the pressure"
BOND_ORDER = "bond order q6 of the first shell"
STRANGE = "share of particles in surroundings unknown to the training"
_MISSED = 1e-3  # of the snapshots of the training's own state lie outside, for each quantity
_USUAL = 0.99  # share of the training particles whose surroundings are called known
_MOST = 100  # configurations looked at, evenly chosen
_SHELLS = RadialShells(np.linspace(0.8, 2.4, 9), 0.1)
_BONDS = np.array([1.1])
_BOND_WIDTH = 0.2
_DEGREES = 8


@dataclass(frozen=True)
class Departure:
    """One quantity in which a snapshot is unlike the training.

    Parameters
    ----------
    what : the quantity.
    value : of the snapshot.
    low, high : within which a snapshot of its size would be expected.
    """

    what: str
    value: float
    low: float
    high: float

    @property
    def severity(self) -> float:
        """Distance from the middle of what is expected, 1 where that ends."""
        return abs(2 * self.value - self.low - self.high) / (self.high - self.low)

    def __str__(self) -> str:
        return f"{self.what} {self.value:.4g} (trained on {self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class Spread:
    """Mean of a quantity, and how it varies between configurations.

    Parameters
    ----------
    mean : over configurations.
    deviation : between configurations, times the root of their number of particles.
    samples : independent values it rests on, one more than its degrees of freedom.
    """

    mean: float
    deviation: float
    samples: int

    @classmethod
    def of(cls, values: FloatArray, sizes: FloatArray) -> Self:
        """Take it from a value for each configuration and their numbers of particles."""
        mean = float(values.mean())
        scaled = (values - mean) * np.sqrt(sizes)
        return cls(mean, float(np.sqrt(np.sum(scaled**2) / max(len(values) - 1, 1))), len(values))

    def departure(self, what: str, value: float, size: int, missed: float) -> Departure | None:
        """Compare the value of a snapshot of so many particles; None if it is an expected one."""
        if self.samples < 2:
            return None
        reach = float(stdtrit(self.samples - 1, 1 - missed / 2))
        reach *= self.deviation / np.sqrt(size) * np.sqrt(1 + 1 / self.samples)
        reach = max(reach, 1e-6 * (1 + abs(self.mean)))  # rounding of equal configurations
        if abs(value - self.mean) <= reach:
            return None
        low = max(self.mean - reach, 0.0) if what == STRANGE else self.mean - reach
        return Departure(what, value, low, self.mean + reach)


@dataclass(frozen=True)
class _Surroundings:
    """Descriptors of the particles of one species in the training.

    Parameters
    ----------
    mean, deviation : (F,) over particles.
    known : distance below which ``_USUAL`` of the particles lie.
    means : of a configuration, (F,).
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    known: float
    means: tuple[Spread, ...]

    def distances(self, descriptors: FloatArray) -> FloatArray:
        """Root mean square over descriptors of their distance from the mean: (n,)."""
        scaled = (descriptors - np.array(self.mean)) / np.array(self.deviation)
        return np.asarray(np.sqrt(np.mean(scaled**2, axis=1)))


@dataclass(frozen=True)
class State:
    """One state point of the training.

    Parameters
    ----------
    liquid : whose interactions energies and pressures are of; None where they were not known.
    temperature : of the heat bath, as told.
    quantities : by name.
    surroundings : by species.
    relaxation : mean propensities, by name; none where the labels are those of stages.
    """

    liquid: str | None
    temperature: float | None
    quantities: Mapping[str, Spread]
    surroundings: Mapping[int, _Surroundings]
    relaxation: Mapping[str, Spread] = field(default_factory=dict)

    @classmethod
    def of(cls, configurations: Sequence[Configuration]) -> Self:
        """Look at configurations of one liquid and temperature."""
        point = configurations[0].state_point
        liquid = _liquid(configurations[0])
        kinds = sorted({s for c in configurations for s in c.species})
        shells = _shells(max(kinds) + 1)
        described = [_describe(c, shells) for c in configurations]
        pairs = list(zip(configurations, described, strict=True))
        sizes = np.array([c.size for c in configurations], dtype=np.float64)
        surroundings = {
            kind: _surroundings([d[c.types == kind] for c, d in pairs], sizes)
            for kind in kinds
            if all((c.types == kind).any() for c in configurations)
        }
        seen = [_quantities(c, liquid, d, surroundings) for c, d in pairs]
        spreads = _spreads(seen, sizes)
        if STRESS in spreads:
            largest = [quantities[STRESS] for quantities in seen]
            spreads[STRESS] = _isotropic(largest, sizes, configurations[0].dimension)
        moved = _spreads([_relaxation(c) for c in configurations], sizes)
        name = None if liquid is None else point.liquid
        return cls(name, point.temperature, spreads, surroundings, moved)

    def departures(self, snapshot: Configuration) -> list[Departure]:
        """Compare a snapshot, quantity by quantity; of its surroundings the strangest alone.

        So too of its mean propensities, where it is labelled.
        """
        liquid = None
        if self.liquid is not None:
            with suppress(GlasscastError):
                liquid = load_liquid(self.liquid)
        kinds = max([*self.surroundings, *snapshot.species])
        described = _describe(snapshot, _shells(kinds + 1))
        found = _quantities(snapshot, liquid, described, self.surroundings)
        departures = [
            self.quantities[key].departure(key, value, snapshot.size, _MISSED)
            for key, value in found.items()
            if key in self.quantities
        ]
        departures.append(self._strangest(snapshot, described))
        departures.append(_strangest(_relaxation(snapshot), self.relaxation, snapshot.size))
        return [departure for departure in departures if departure is not None]

    def _strangest(self, snapshot: Configuration, described: FloatArray) -> Departure | None:
        """Mean descriptor of a species that lies farthest outside; None if all are inside."""
        names = _shells(max([*self.surroundings, *snapshot.species]) + 1).feature_names()
        values: dict[str, float] = {}
        spreads: dict[str, Spread] = {}
        for kind, known in self.surroundings.items():
            mine = described[snapshot.types == kind]
            if len(mine) and mine.shape[1] == len(known.means):
                whats = [f"descriptor {name} of {species_name(kind)} particles" for name in names]
                values |= zip(whats, mine.mean(axis=0).tolist(), strict=True)
                spreads |= zip(whats, known.means, strict=True)
        return _strangest(values, spreads, snapshot.size)


@dataclass(frozen=True)
class Limits:
    """What a model was trained on, state point by state point."""

    states: tuple[State, ...]

    @classmethod
    def of(cls, configurations: Sequence[Configuration]) -> Self:
        """Look at training configurations, one of each family, at most a hundred of them."""
        families = groups_of(configurations)
        first = [families.index(family) for family in dict.fromkeys(families)]
        if len(first) > _MOST:
            first = [first[round(k)] for k in np.linspace(0, len(first) - 1, _MOST)]
        by_state: dict[tuple[str | None, float | None], list[Configuration]] = {}
        for index in first:
            configuration = configurations[index]
            point = configuration.state_point
            by_state.setdefault((point.liquid, point.temperature), []).append(configuration)
        return cls(tuple(State.of(members) for members in by_state.values()))

    def departures(self, snapshot: Configuration) -> tuple[Departure, ...]:
        """Say in what a snapshot is unlike the state that it is most like, the worst first.

        Empty if it is alike.
        """
        found = [state.departures(snapshot) for state in self.states]
        fewest = min(map(len, found), default=0)
        closest = next((departures for departures in found if len(departures) == fewest), [])
        return tuple(sorted(closest, key=lambda departure: -departure.severity))

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"states": [_rounded(asdict(state)) for state in self.states]}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Take up what :meth:`record` gave; KeyError, ValueError or TypeError if it cannot be."""
        try:
            return cls(tuple(_state(state) for state in record["states"]))
        except AttributeError as error:
            raise ValueError(f"'limits' is garbled ({error})") from None


def _state(record: Mapping[str, Any]) -> State:
    surroundings = {
        int(kind): _Surroundings(
            tuple(known["mean"]),
            tuple(known["deviation"]),
            float(known["known"]),
            tuple(Spread(**spread) for spread in known["means"]),
        )
        for kind, known in record["surroundings"].items()
    }
    quantities = {key: Spread(**spread) for key, spread in record["quantities"].items()}
    moved = {key: Spread(**spread) for key, spread in record.get("relaxation", {}).items()}
    return State(record["liquid"], record["temperature"], quantities, surroundings, moved)


def _rounded(value: Any) -> Any:
    """JSON values with eight digits."""
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_rounded(item) for item in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value


def _spreads(seen: Sequence[Mapping[str, float]], sizes: FloatArray) -> dict[str, Spread]:
    """Spread of what all configurations have."""
    common = [key for key in seen[0] if all(key in quantities for quantities in seen)]
    return {key: Spread.of(np.array([q[key] for q in seen]), sizes) for key in common}


def _strangest(
    values: Mapping[str, float], known: Mapping[str, Spread], size: int
) -> Departure | None:
    """Value that lies farthest outside, of many that are missed no oftener than a single one."""
    found = [
        known[what].departure(what, value, size, _MISSED / len(known))
        for what, value in values.items()
        if what in known
    ]
    outside = [departure for departure in found if departure is not None]
    return max(outside, key=lambda departure: departure.severity, default=None)


def _relaxation(configuration: Configuration) -> dict[str, float]:
    """Mean propensity of each species and time; single runs differ by more and are left out."""
    c = configuration
    if c.propensity is None or c.stages.by != "time":
        return {}
    rows = [
        row
        for row in np.flatnonzero(c.known_rows("propensity"))
        if c.runs is None or c.runs[row] > 1
    ]
    return {
        f"mean propensity of {species_name(kind)} particles at t = {c.times[row]:g}": float(
            c.propensity[row, c.types == kind].mean()
        )
        for row in rows
        for kind in c.species
    }


def _shells(species: int) -> ShellDescriptors:
    return ShellDescriptors(
        species,
        radial=(_SHELLS,),
        angular_radii=_BONDS,
        angular_width=_BOND_WIDTH,
        degrees=_DEGREES,
    )


def _describe(configuration: Configuration, shells: ShellDescriptors) -> FloatArray:
    """Surroundings of every particle: (N, F)."""
    return shells.compute(configuration.positions, configuration.types, configuration.box)


def _surroundings(of_each: Sequence[FloatArray], sizes: FloatArray) -> _Surroundings:
    together = np.concatenate(of_each)
    deviation = together.std(axis=0)
    deviation = np.where(deviation > 1e-9, deviation, 1.0)
    means = np.stack([each.mean(axis=0) for each in of_each])  # (n, F)
    found = _Surroundings(
        tuple(together.mean(axis=0).tolist()),
        tuple(deviation.tolist()),
        0.0,
        tuple(Spread.of(column, sizes) for column in means.T),
    )
    known = float(np.quantile(found.distances(together), _USUAL))
    return _Surroundings(found.mean, found.deviation, known, found.means)


def _quantities(
    configuration: Configuration,
    liquid: Liquid | None,
    described: FloatArray,
    surroundings: Mapping[int, _Surroundings],
) -> dict[str, float]:
    """Quantities of one snapshot by name, as far as they can be known."""
    strange = 0
    for kind, known in surroundings.items():
        mine = described[configuration.types == kind]
        if mine.shape[1] == len(known.mean):
            strange += int(np.sum(known.distances(mine) > known.known))
    sixth = described.shape[1] - _DEGREES + 5
    found = {
        STRANGE: strange / configuration.size,
        BOND_ORDER: float(described[:, sixth].mean()),
    }
    if liquid is not None:
        # Particles that overlap have no energy; their surroundings tell of them.
        with suppress(GlasscastError):
            found |= _forces(configuration, liquid)
    return found


def _forces(configuration: Configuration, liquid: Liquid) -> dict[str, float]:
    """Energies, pressure and the normal stress that differs most from it."""
    c = configuration
    pairs = find_neighbours(c.positions, c.box, liquid.longest_cutoff)
    stress = liquid.normal_stresses(c.positions, c.types, c.box, pairs)
    differences = stress - stress.mean()
    found = {
        ENERGY: float(liquid.energies(c.positions, c.types, c.box, pairs).mean()),
        PRESSURE: float(stress.mean()),
        STRESS: float(differences[np.argmax(np.abs(differences))]),
    }
    if c.inherent is not None:
        found[INHERENT_ENERGY] = float(liquid.energies(c.inherent, c.types, c.box).mean())
    return found


def _isotropic(largest: Sequence[float], sizes: FloatArray, dimension: int) -> Spread:
    """Spread of a difference of stresses, whose mean is zero in a liquid at rest.

    The largest of d differences that add up to zero is known: taken for all of them, its squares
    give a spread that is rather too large.
    """
    squares = np.asarray(largest) ** 2 * sizes
    return Spread(0.0, float(np.sqrt(squares.mean())), len(largest) * (dimension - 1) + 1)


def _liquid(configuration: Configuration) -> Liquid | None:
    """Interactions of a configuration's liquid, where they are known."""
    name = configuration.state_point.liquid
    if name is None:
        return None
    with suppress(GlasscastError):
        return load_liquid(name)
    return None
